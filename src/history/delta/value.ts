/** Values in deltas.
 * @module */
import { ValueBuilder } from '../../codec/value-builder.ts'
import type { DeltaKeys } from './keys.ts'

/** Builds a value whose keys are those of the group. */
export class DeltaValue extends ValueBuilder {
  readonly #keys: DeltaKeys
  #levels: number
  /** It holds what deltas never do. */
  isForeign = false
  /** Arrays of numbers that are to be filled with the columns behind the value. */
  readonly columns: unknown[][] = []

  constructor(keys: DeltaKeys, levels: number) {
    super(keys.names)
    this.#keys = keys
    this.#levels = levels
  }

  protected override onValue(value: unknown): void {
    const column: unknown[] | undefined = value === undefined ? [] : undefined
    if (column !== undefined) this.columns.push(column)
    super.onValue(column ?? value)
  }

  protected override onDecimal(): void {
    this.isForeign = true
    super.onValue(null)
  }

  protected override onKey(key: string): void {
    this.#keys.add(key)
    super.onKey(key)
  }

  protected override onIntKey(key: number): void {
    this.isForeign = true
    super.onIntKey(key)
  }

  protected override onBegin(isArray: boolean): void {
    if (--this.#levels < 0) this.isForeign = true
    super.onBegin(isArray)
  }

  protected override onEnd(): void {
    this.#levels++
    super.onEnd()
  }
}
