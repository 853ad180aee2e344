/** The test files of a bundle, by their path from the top. The build writes this list.
 * @module */
export const FILES: Readonly<Record<string, () => Promise<unknown>>> = {}
