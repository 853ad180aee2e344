/** What the compiler says about errors and options, checked by `npm run types`. Nothing here runs.
 * @module */
import { type ErrorCode, type ErrorKind, isVarveError, openStore, type Storage, VarveError } from '../../src/index.ts'
import { type Equal, expectType } from './expect.ts'

declare const thrown: unknown
declare const storage: Storage

export function isVarveErrorNarrowsTheCode(): void {
  if (isVarveError(thrown)) {
    expectType<Equal<typeof thrown.kind, ErrorKind>>()
    expectType<Equal<typeof thrown.code, ErrorCode>>()
    expectType<Equal<typeof thrown.retryable, boolean>>()
    // @ts-expect-error: not a kind.
    thrown.kind === 'fatal'
  }
  if (isVarveError(thrown, 'VERSION_CONFLICT')) expectType<Equal<typeof thrown.code, 'VERSION_CONFLICT'>>()
  // @ts-expect-error: not a code.
  isVarveError(thrown, 'VERSION_CONFLICTS')
  // @ts-expect-error: an error of varve has a code of the list.
  throw new VarveError('NO_SUCH_CODE', 'Cannot do it')
}

export async function openStoreNeedsAStorage(): Promise<void> {
  await openStore({ storage, readOnly: true, lockTimeoutMs: 16_000 })
  // @ts-expect-error: no storage.
  await openStore({ readOnly: true })
  // @ts-expect-error: a path is not a storage.
  await openStore({ storage: './data' })
  // @ts-expect-error: an unknown option.
  await openStore({ storage, readonly: true })
}
