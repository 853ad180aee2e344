/** Doing something to many things, a few at a time.
 * @module */

/** Run a task for each item, in order, up to `width` of them beside each other. After a failure no other one begins;
 * it is thrown when those under way are done, so that nothing goes on behind the caller's back. */
export async function forEach<T>(
  items: Iterable<T>,
  width: number,
  task: (item: T) => Promise<unknown> | undefined,
): Promise<void> {
  const rest = items[Symbol.iterator]()
  let failure: { readonly error: unknown } | undefined
  const work = async () => {
    for (let next = rest.next(); !next.done && failure === undefined; next = rest.next()) {
      try {
        await task(next.value)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: width }, work))
  if (failure !== undefined) throw failure.error
}
