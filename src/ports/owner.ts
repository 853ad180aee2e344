/** The owner port: who a process is, and when another one is provably gone.
 *
 * Ownership of a store is decided by the manifest; this port only supplies the evidence. `isGone` must answer true
 * only on proof, because a wrong true lets two writers meet (the fence still keeps the older one from acknowledging).
 * @module */

/** One process, as written into the manifest by the epoch it owns. Unknown parts are empty strings or 0. */
export interface Owner {
  readonly runtime: string
  readonly host: string
  /** Changes with every boot of the machine. */
  readonly bootId: string
  /** Names the space in which `pid` has meaning. */
  readonly pidNamespace: string
  readonly pid: number
  /** Start time of the process in the kernel's own units, so that a reused pid is told apart. */
  readonly startTime: string
  /** The machine itself across boots, such as /etc/machine-id. */
  readonly machineId: string
}

export interface OwnerPort {
  /** This process. */
  describe(): Owner
  /** True only when `owner` is provably dead: same machine with another boot; or same host, boot and pid namespace
   * with the pid gone or its start time changed. False when alive or unknown. */
  isGone(owner: Owner): boolean
}

/** An owner port for storages that live and die with the process: nobody else can own them. */
export const processLocalOwner: OwnerPort = {
  describe: () => ({ runtime: 'local', host: '', bootId: '', pidNamespace: '', pid: 0, startTime: '', machineId: '' }),
  isGone: () => true,
}
