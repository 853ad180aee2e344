/** Upcasting: data of older schema versions becomes what the program knows, at every read. The log stays as it is.
 * @module */
import { VarveError } from '../errors.ts'
import { optionInvalid } from '../options.ts'
import type { DecodedEvent } from '../segment/decode.ts'
import type { NewEvent, RawEvent, StoredEvent, Upcast } from './types.ts'

/** Events without a schema version are of this one. */
const FIRST_VERSION = 1

type Step = (data: unknown, event: StoredEvent) => unknown

interface Known {
  readonly version: number
  /** By the version that the data has before. */
  readonly steps: ReadonlyMap<number, Step>
}

/** The schema versions that a program knows, by kind. */
export class Upcasts {
  readonly #topic: string
  readonly #kinds = new Map<string, Known>()

  /** @throws {VarveError} `OPTION_INVALID` unless there is a step from every older version of a kind. */
  constructor(topic: string, upcasts: Readonly<Record<string, Upcast | undefined>>) {
    this.#topic = topic
    for (const [kind, upcast] of Object.entries(upcasts)) {
      if (upcast === undefined) continue
      const { version, from } = upcast
      if (!Number.isSafeInteger(version) || version < FIRST_VERSION || version > 0xffff_ffff) {
        throw optionInvalid(`upcasts.${kind}.version`, 'must be a whole number from 1 to 2^32 - 1', version)
      }
      const steps = new Map<number, Step>()
      for (let older = 0; older < version; older++) {
        const step = from?.[older]
        // A caller may have numbered from 0, but need not.
        if (step === undefined && older < FIRST_VERSION) continue
        if (typeof step !== 'function')
          throw optionInvalid(`upcasts.${kind}.from`, `needs a function for ${older}`, step)
        steps.set(older, step as Step)
      }
      this.#kinds.set(kind, { version, steps })
    }
  }

  /** Bring the data of events up to date, in place. @throws {VarveError} `SCHEMA_NEWER`, `UPCAST_FAILED`. */
  apply(events: readonly DecodedEvent[]): void {
    for (const event of events) {
      const known = this.#kinds.get(event.kind)
      if (known !== undefined && event.schemaVersion !== known.version) this.#upcast(event, known)
    }
  }

  /** An envelope whose event is brought up to date when it is decoded. */
  lazily(raw: RawEvent): RawEvent {
    if (!this.#kinds.has(raw.kind)) return raw
    const stored = raw.decode.bind(raw)
    let known: StoredEvent | undefined
    let failure: unknown
    const decode = () => {
      // Once: the values of a block are kept, and a step may change what it is given.
      if (failure !== undefined) throw failure
      if (known !== undefined) return known
      const event = { ...stored() }
      try {
        this.apply([event as DecodedEvent])
      } catch (error) {
        failure = error
        throw error
      }
      known = event
      return known
    }
    return Object.defineProperty(raw, 'decode', { value: decode, enumerable: false })
  }

  #upcast(event: DecodedEvent, { version, steps }: Known): void {
    const found = event.schemaVersion ?? FIRST_VERSION
    if (found > version) throw this.#newer(event.kind, { found, known: version, offset: event.offset })
    try {
      for (let from = found; from < version; from++) {
        const step = steps.get(from)
        if (step === undefined) throw new RangeError(`There is no step from version ${from}`)
        const data = step(event.data, event as StoredEvent)
        if (data instanceof Promise) throw new TypeError(`The step from version ${from} must answer at once`)
        event.data = data
        event.schemaVersion = from + 1
      }
    } catch (cause) {
      const message = `Cannot upcast event ${event.offset} of topic "${this.#topic}", kind "${event.kind}"`
      const details = { topic: this.#topic, kind: event.kind, offset: event.offset, schemaVersion: found }
      throw new VarveError('UPCAST_FAILED', message, { details, cause })
    }
    event.schemaVersion = version
  }

  /** Give new events the version that this program knows. @throws {VarveError} `SCHEMA_NEWER`. */
  stamp(events: readonly NewEvent[]): readonly NewEvent[] {
    return events.map((event) => {
      const known = this.#kinds.get(event.kind)
      if (known === undefined) return event
      const found = event.schemaVersion
      if (found === undefined) return { ...event, schemaVersion: known.version }
      if (found > known.version) throw this.#newer(event.kind, { found, known: known.version })
      return event
    })
  }

  #newer(kind: string, facts: { found: number; known: number; offset?: number }): VarveError {
    const message = `Cannot use kind "${kind}" of topic "${this.#topic}": schema version ${facts.found}, known is ${facts.known}`
    return new VarveError('SCHEMA_NEWER', message, { details: { topic: this.#topic, kind, ...facts } })
  }
}
