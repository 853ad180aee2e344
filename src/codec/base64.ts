/** Base64 with padding, as RFC 4648 section 4.
 * @module */

const CHUNK = 8_192
const FORM = /^[A-Za-z0-9+/]*={0,2}$/

/** Encode bytes. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += CHUNK) binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK))
  return btoa(binary)
}

/** @returns undefined when `text` is not base64. */
export function decodeBase64(text: string): Uint8Array | undefined {
  // `atob` also takes blanks and missing padding.
  if (text.length % 4 !== 0 || !FORM.test(text)) return undefined
  try {
    const binary = atob(text)
    return Uint8Array.from(binary, (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}
