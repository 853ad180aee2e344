/** Sources that are slow, and sources that tell how they were used.
 * @module */

/** The same things, one turn of the loop of promises after another. */
export async function* slowly<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item)
}

/** Everything that a source gives. Not every runtime has `Array.fromAsync`. */
export async function listed<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

export interface Closing<T> {
  readonly items: Generator<T>
  readonly slowly: AsyncGenerator<T>
  readonly state: { readonly taken: number; readonly isClosed: boolean }
}

/** Counts what is taken, and sees whether it is closed: by its end, or because no more is wanted. */
export function closing<T>(items: Iterable<T>): Closing<T> {
  const state = { taken: 0, isClosed: false }
  function* counted(): Generator<T> {
    try {
      for (const item of items) {
        state.taken++
        yield item
      }
    } finally {
      state.isClosed = true
    }
  }
  return { items: counted(), slowly: slowly(counted()), state }
}
