/** Two words of the type tests.
 * @module */

/** True exactly when both are the same type, `any` told from everything else. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles when the type argument is `true`. */
export declare function expectType<_T extends true>(): void
