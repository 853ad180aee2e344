/** The words of error injection: operations, faults, and which error a call can report.
 * @module */
import type { NodeState } from './disk.ts'

export type FileOperation =
  | 'open'
  | 'create'
  | 'close'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'sync-end'
  | 'size'
  | 'syncDirectory'
  | 'syncDirectory-end'
  | 'makeDirectory'
  | 'removeDirectory'
  | 'list'
  | 'exists'
  | 'rename'
  | 'link'
  | 'unlink'
  | 'linkCount'
  | 'freeBytes'

/** One entry of the journal. */
export interface Operation {
  /** Position in the journal. */
  readonly index: number
  readonly kind: FileOperation
  readonly path: string
  /** Second name of a rename or link. */
  readonly to?: string
  readonly inode?: number
  /** Position in the file in bytes. */
  readonly position?: number
  /** Bytes asked for, or the size of a truncation. */
  readonly length?: number
  /** The error that was injected. */
  errno?: string
  /** States after this operation, of what it changed. */
  readonly changed: [inode: number, state: NodeState][]
}

export interface FaultOptions {
  /** Also fail every later call that the error fits. Default false. */
  readonly sticky?: boolean
  /** Bytes that a failing or short read or write moves all the same, of those asked for. Default none. */
  readonly partial?: (length: number) => number
  /** The call takes effect and then reports the error. */
  readonly applied?: boolean
  /** A failing sync drops what was waiting: still seen, not written by any later sync, gone after a crash. */
  readonly gate?: boolean
}

export interface Fault extends FaultOptions {
  readonly where: number | ((operation: Operation) => boolean)
  readonly errno: string
  hits: number
}

/** A call under way and what fails it. */
export interface Call {
  readonly operation: Operation
  readonly fault: Fault | undefined
}

const NAMING: readonly FileOperation[] = ['create', 'makeDirectory', 'rename', 'link']
const OPENING: readonly FileOperation[] = ['open', 'create', 'list', 'syncDirectory']

const FITTING: Readonly<Record<string, readonly FileOperation[]>> = {
  ENOSPC: [...NAMING, 'write', 'sync'],
  EMFILE: OPENING,
  EACCES: [...NAMING, ...OPENING, 'unlink', 'removeDirectory'],
  EINTR: ['open', 'read', 'write'],
  SHORT: ['read', 'write'],
  EIO: [
    ...NAMING,
    ...OPENING,
    'read',
    'write',
    'truncate',
    'sync',
    'close',
    'unlink',
    'removeDirectory',
    'exists',
    'size',
    'linkCount',
    'freeBytes',
  ],
}

/** Whether a call of this kind can report this error on a real system. */
export function fits(errno: string, kind: FileOperation): boolean {
  return FITTING[errno]?.includes(kind) ?? !kind.endsWith('-end')
}

/** The fault that hits this operation, if any; it is noted in both. */
export function takeFault(faults: readonly Fault[], operation: Operation): Fault | undefined {
  const fault = faults.find(({ where, errno, sticky, hits }) => {
    if (!fits(errno, operation.kind) || (hits > 0 && sticky !== true)) return false
    if (typeof where === 'function') return where(operation)
    return sticky === true ? operation.index >= where : operation.index === where
  })
  if (fault !== undefined) {
    fault.hits++
    operation.errno = fault.errno
  }
  return fault
}
