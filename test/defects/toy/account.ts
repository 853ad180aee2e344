/** A product of four lines, to have defects in.
 * @module */

/** @returns the balance after a withdrawal, which never goes below zero. */
export function withdraw(balance: number, amount: number): number {
  if (amount > balance) throw new RangeError('not enough')
  return balance - amount
}
