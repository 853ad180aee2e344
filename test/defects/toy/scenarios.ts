/** Scenarios of the toy product.
 * @module */
import { must, mustEqual } from '../../support/scenario.ts'
import { withdraw } from './account.ts'

export function subtracts(): void {
  mustEqual(withdraw(5, 3), 2, 'balance')
}

export async function refusesOverdraft(): Promise<void> {
  let refused = false
  try {
    withdraw(1, 2)
  } catch {
    refused = true
  }
  must(refused, 'an overdraft is refused')
}

export function breaks(): void {
  throw new TypeError('not an assertion')
}
