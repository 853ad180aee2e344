/** What destroys data asks first: `--yes` and the id of the store, so that neither a typo nor a line from the history
 * of another shell can do it.
 * @module */
import type { Store } from '../store/types.ts'
import { type Arguments, type OptionSpecs, wrongUse } from './arguments.ts'
import { clean } from './output.ts'

export const CONFIRM_OPTIONS: OptionSpecs = {
  yes: { help: 'Do it; without it you are told what would go' },
  'store-id': { value: 'ID', help: 'With --yes: the id of the store, shown when it is missing' },
}

/** What is about to happen. */
export interface Doing {
  /** Such as `delete topic orders: 12 events`. */
  readonly what: string
  /** The command line that does it, without the confirmation. */
  readonly line: string
}

/** Whether both words were said. */
export function isConfirmed(args: Arguments, store: Pick<Store, 'id'>): boolean {
  return args.flag('yes') && args.text('store-id') === store.id
}

/** @throws {VarveError} `OPTION_INVALID` unless `--yes` and the id of this very store were given; it says what would
 * go and how to confirm it. */
export function confirm(args: Arguments, store: Pick<Store, 'id'>, { what, line }: Doing): void {
  if (isConfirmed(args, store)) return
  const given = args.text('store-id')
  const wrong = given === undefined || given === store.id ? '' : `, and "${clean(given)}" is not the id of this store`
  throw wrongUse(`Nothing was changed${wrong}. To ${what}, run: varve ${line} --yes --store-id ${store.id}`, {
    storeId: store.id,
  })
}

/** A word as a shell takes it. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9._/:=,@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
