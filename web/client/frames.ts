/** Server-sent events out of the body of a response, as https://html.spec.whatwg.org/#server-sent-events has them.
 * @module */

export interface ReceivedFrame {
  readonly id: string | undefined
  readonly event: string | undefined
  readonly data: string
}

/** The frames of a stream as they come; ends with the stream, or when `signal` is aborted. Comments are passed over. */
export async function* readFrames(
  response: Response,
  signal?: AbortSignal,
): AsyncGenerator<ReceivedFrame, void, undefined> {
  if (response.body === null) return
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  const cancel = () => void reader.cancel().catch(() => undefined)
  signal?.addEventListener('abort', cancel, { once: true })
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || signal?.aborted) return
      const blocks = (rest + value).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const frame = readFrame(block)
        if (frame !== undefined) yield frame
      }
    }
  } catch (error) {
    if (!signal?.aborted) throw error
  } finally {
    signal?.removeEventListener('abort', cancel)
    cancel()
  }
}

function readFrame(block: string): ReceivedFrame | undefined {
  let id: string | undefined
  let event: string | undefined
  const data: string[] = []
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const value = line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    const field = line.slice(0, colon)
    if (field === 'id') id = value
    else if (field === 'event') event = value
    else if (field === 'data') data.push(value)
  }
  return data.length === 0 ? undefined : { id, event, data: data.join('\n') }
}
