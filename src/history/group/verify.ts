/** Checking a group: every version rebuilt and compared with its hash.
 * @module */
import type { Digest } from '../../codec/digest.ts'
import { isVarveError } from '../../errors.ts'
import type { GroupRow } from '../../manifest/index.ts'
import { versionsOf } from '../place-versions.ts'
import { contentHashOf } from './content-hash.ts'
import type { GroupFile } from './group-file.ts'
import type { StoredVersion } from './types.ts'

export interface GroupProblem {
  readonly code: 'VERSION_DAMAGED'
  readonly message: string
  /** In the file, where known. */
  readonly position?: number
}

export interface CheckedGroup {
  readonly versionsChecked: number
  /** Versions that cannot be read, ascending. */
  readonly damaged: readonly number[]
  readonly problems: readonly GroupProblem[]
}

export interface GroupCheckOptions {
  readonly digest: Digest
  readonly signal?: AbortSignal | undefined
  /** After each version: how many bytes of the file are checked. Ends the check by throwing. */
  readonly reached?: (bytes: number) => Promise<void>
}

/** Never throws for damage. Cost: the keyframe and every change once; each value is hashed.
 * @param row what the manifest says of the group. */
export async function verifyGroup(file: GroupFile, row: GroupRow, options: GroupCheckOptions): Promise<CheckedGroup> {
  const check = new GroupCheck(file, row, options)
  await check.run()
  const damaged = [...check.damaged].sort((a, b) => a - b)
  return { versionsChecked: check.versionsChecked, damaged, problems: check.problems }
}

class GroupCheck {
  readonly damaged: Set<number>
  readonly problems: GroupProblem[] = []
  versionsChecked = 0
  readonly #file: GroupFile
  readonly #row: GroupRow
  readonly #options: GroupCheckOptions
  #reached = 0

  constructor(file: GroupFile, row: GroupRow, options: GroupCheckOptions) {
    this.#file = file
    this.#row = row
    this.#options = options
    this.damaged = new Set(file.damaged)
  }

  async run(): Promise<void> {
    await this.#runThrough()
    // What did not come through, one by one: a version may be the same as one before the damage.
    for (const version of versionsOf(this.#row)) {
      if (this.#checked.has(version)) continue
      await this.#readAlone(version)
    }
    if (this.damaged.size === 0) this.#compareWithRow()
  }

  readonly #checked = new Set<number>()

  async #runThrough(): Promise<void> {
    const { signal } = this.#options
    const first = this.#file.versions[0]
    if (first === undefined) return
    try {
      for await (const { version, value } of this.#file.values(first.version, { signal })) {
        await this.#compare(version, value)
      }
    } catch (error) {
      if (!isVarveError(error, 'VERSION_DAMAGED')) throw error
    }
  }

  async #readAlone(version: number): Promise<void> {
    const { signal } = this.#options
    try {
      const value = await this.#file.value(version, { signal })
      const stored = this.#file.versions.find((one) => one.version === version)
      if (stored !== undefined) await this.#compare(stored, value)
    } catch (error) {
      if (!isVarveError(error, 'VERSION_DAMAGED')) throw error
      this.#lost(version, error.message, error.details.position)
    }
  }

  async #compare(stored: StoredVersion, value: unknown): Promise<void> {
    this.#checked.add(stored.version)
    this.versionsChecked++
    const { hash, rawBytes } = contentHashOf(this.#options.digest, value)
    if (hash !== stored.hash) this.#lost(stored.version, `Version ${stored.version} is another value than was stored`)
    else if (rawBytes !== stored.rawBytes) this.#problem(`Version ${stored.version} says another size than it has`)
    this.#reached += stored.sizeBytes
    await this.#options.reached?.(this.#reached)
  }

  #lost(version: number, message: string, position?: unknown): void {
    this.damaged.add(version)
    this.#problem(message, position)
  }

  #problem(message: string, position?: unknown): void {
    if (this.problems.some((other) => other.message === message)) return
    const where = typeof position === 'number' ? { position } : {}
    this.problems.push({ code: 'VERSION_DAMAGED', message, ...where })
  }

  /** What the manifest says of the group must be what its frames say. */
  #compareWithRow(): void {
    const { versions } = this.#file
    const { firstAt, lastAt, rawBytes } = this.#row
    const wanted = versionsOf(this.#row)
    const sameVersions = versions.length === wanted.length && versions.every((one, at) => one.version === wanted[at])
    if (!sameVersions) this.#problem('The group has other versions than the manifest says')
    const sum = versions.reduce((total, one) => total + one.rawBytes, 0)
    const sameTimes = versions[0]?.at === firstAt && versions.at(-1)?.at === lastAt
    if (!sameTimes || sum !== rawBytes) this.#problem('The group has other times or sizes than the manifest says')
  }
}
