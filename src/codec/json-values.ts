/** The JSON dialect of HTTP and the CLI.
 * @module */
export function toJsonValue(value: unknown): unknown {
  return value
}
export function stringifyValue(value: unknown): string {
  return JSON.stringify(value)
}
export function parseJsonValue(text: string, _options: { readonly exactNumbers?: 'keep' | 'refuse' } = {}): unknown {
  return JSON.parse(text)
}
