/** The groups of a history in an adopted state, read by what src/FORMAT.md says of their columns and nothing else.
 * @module */

interface Packed {
  readonly ids: string
  readonly files?: string
  readonly gaps: readonly number[]
  readonly spans: readonly number[]
  readonly tiers: readonly (string | number)[]
  readonly epochs?: readonly number[]
  readonly versions?: Readonly<Record<string, readonly number[]>>
  readonly firstAt: readonly number[]
  readonly lastAt: readonly number[]
  readonly lastOffset?: readonly (number | null)[]
  readonly endBytes: readonly number[]
  readonly rawBytes: readonly number[]
  readonly rest?: readonly object[]
}

/** The rows that the columns stand for. */
export function readPackedGroups(packed: Packed): object[] {
  const ids = eights(packed.ids)
  const files = packed.files === undefined ? ids : eights(packed.files)
  const [gaps, spans, tiers, epochs] = [packed.gaps, packed.spans, packed.tiers, packed.epochs ?? []].map(unrolled)
  let [version, time, offset] = [0, 0, 0]
  const rows = ids.map((id, at) => {
    const firstVersion = version + 1 + Number(gaps?.[at])
    version = firstVersion + Number(spans?.[at])
    const firstAt = time + (packed.firstAt[at] ?? 0)
    time = firstAt + (packed.lastAt[at] ?? 0)
    const step = packed.lastOffset?.[at] ?? null
    offset += step ?? 0
    const epoch = epochs?.[at] ?? 0
    let listed = firstVersion
    const versions = packed.versions?.[at]?.map((difference) => (listed += difference))
    return {
      ...{ id, file: files[at], tier: tiers?.[at], firstVersion, lastVersion: version, firstAt, lastAt: time },
      ...{ endBytes: packed.endBytes[at], rawBytes: packed.rawBytes[at] },
      ...(epoch === 0 ? {} : { epoch }),
      ...(versions === undefined ? {} : { versions }),
      ...(step === null ? {} : { lastOffset: offset }),
    }
  })
  return [...rows, ...(packed.rest ?? [])]
}

function eights(base64: string): string[] {
  return Buffer.from(base64, 'base64').toString('hex').match(/.{16}/g) ?? []
}

function unrolled(runs: readonly (string | number)[]): (string | number)[] {
  return runs.flatMap((value, at) => (at % 2 === 0 ? Array(Number(runs[at + 1])).fill(value) : []))
}
