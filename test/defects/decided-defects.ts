/** Seeded defects in keys, conditions, term indexes, pruning, proofs and compression.
 * @module */
import type { Defect } from './seeded.ts'

const LOOKUP = 'src/topic/group-lookup.ts'
const DECISIONS = 'src/topic/decisions.ts'
const TERM_INDEX = 'src/topic/term-index.ts'
const KEEPER = 'src/topic/term-keeper.ts'
const TERM_FORMAT = 'src/index/term-format.ts'
const NEVER = 'false &&'

export const DECIDED_DEFECTS: readonly Defect[] = [
  {
    name: 'a key in flight is not known',
    file: LOOKUP,
    find: 'place.keysInFlight.get(call.key) ?? (await rememberedKey(call.key, place))',
    replace: 'place.keysInFlight.has(call.key) ? undefined : await rememberedKey(call.key, place)',
    killer: 'keysInFlightAreKnown',
  },
  {
    name: 'a key of the same group is not known',
    file: DECISIONS,
    find: '(this.#keys.get(call.key) ?? this.#facts.keyed(call.key))',
    replace: 'this.#facts.keyed(call.key)',
    killer: 'keysInFlightAreKnown',
  },
  {
    name: 'a key is remembered for ever',
    file: LOOKUP,
    find: 'context.clock.now() - header.recordedAt >= window.windowMs ? undefined : offset',
    replace: 'void header, void window, void context, offset',
    killer: 'keysAreKnownForTheirWindow',
  },
  {
    name: 'a key is looked up in the tail only',
    file: TERM_INDEX,
    find: 'lastKeyed(this.#searched, key)',
    replace: 'lastKeyed({ ...this.#searched, sources: this.#searched.sources.slice(-1) }, key)',
    killer: 'keysSurviveCrashes',
  },
  {
    name: 'a repeated call gets the receipt of other events',
    file: 'src/topic/writer.ts',
    find: 'if (first === undefined || !isSameCall(call, events, this.encoder.shapes)) {',
    replace: `if (first === undefined || (${NEVER} !isSameCall(call, events, this.encoder.shapes))) {`,
    killer: 'keysAreKnownForTheirWindow',
  },
  {
    name: 'a condition does not see calls of its own group',
    file: DECISIONS,
    find: 'const pending = this.rows.findIndex((row) => condition.clauses.some((clause) => matchesRow(clause, row)))',
    replace: 'const pending = -1; void matchesRow',
    killer: 'conditionsSeeEverything',
  },
  {
    name: 'a condition looks at the tail only',
    file: LOOKUP,
    find: 'terms.firstMatch(clause, after)',
    replace: 'terms.firstMatch(clause, Math.max(after, terms.tail.baseOffset))',
    killer: 'conditionsSeeEverything',
  },
  {
    name: 'a condition may look below the log start',
    file: LOOKUP,
    find: 'if (after < partition.logStartOffset) return',
    replace: `if (${NEVER} after < partition.logStartOffset) return`,
    killer: 'conditionsSeeEverything',
  },
  {
    name: 'the version of a pruned entity is 0',
    file: TERM_INDEX,
    find: 'return found === undefined ? 0 : found.last + 1',
    replace: 'return found === undefined ? 0 : 0',
    killer: 'versionsOutlivePruning',
  },
  {
    name: 'the versions of pruned entities are not synced',
    file: 'src/topic/derived.ts',
    find: '    if (durable) await handle.sync()\n',
    replace: '',
    killer: 'prunedVersionsSurviveCrashes',
  },
  {
    name: 'merged runs are removed before the new one is there',
    file: KEEPER,
    find: '    const merged = await publishDerived(',
    replace: `    await this.#remove(runs.map((run) => run.path))
    const merged = await publishDerived(`,
    killer: 'mergesKeepTheirInputs',
  },
  {
    name: 'a replaced owner removes merged runs',
    file: KEEPER,
    find: '      if (await this.#context.isFenced()) return\n',
    replace: '',
    killer: 'replacedOwnersKeepMergedRuns',
  },
  {
    name: 'the hash of a run is not looked at',
    file: TERM_FORMAT,
    find: 'if (own !== value) throw refuse(',
    replace: "if (name !== 'endHash' && own !== value) throw refuse(",
    killer: 'runsOfOtherHistoriesAreRefused',
  },
  {
    name: 'the checksum of a page of a run is not looked at',
    file: TERM_FORMAT,
    find: 'if (viewOf(bytes).getUint32(PAGE_ROOM, true) !== pageCrc(bytes, place, digest)) {',
    replace: `if (${NEVER} viewOf(bytes).getUint32(PAGE_ROOM, true) !== pageCrc(bytes, place, digest)) {`,
    killer: 'bitsOfTermsAreNoticed',
  },
  {
    name: 'the filter of a run counts bits from the other end',
    file: 'src/index/term-filter.ts',
    find: '& (1 << (bit & 7))) === 0) return false',
    replace: '& (128 >> (bit & 7))) === 0) return false',
    killer: 'termsAnswerAsAScan',
  },
  {
    name: 'data of a newer schema version passes',
    file: 'src/topic/upcast.ts',
    find: 'if (found > version) throw',
    replace: `if (${NEVER} found > version) throw`,
    killer: 'newerSchemasAreRefused',
  },
  {
    name: 'a leaf leaves out the causation',
    file: 'src/codec/event-leaf.ts',
    find: '    causationId: event.causationId,\n',
    replace: '    causationId: undefined,\n',
    killer: 'proofsHoldEveryField',
  },
  {
    name: 'a leaf leaves out the key',
    file: 'src/codec/event-leaf.ts',
    find: '    idempotencyKey: facts.idempotencyKey,\n',
    replace: '    idempotencyKey: undefined,\n',
    killer: 'proofsHoldEveryField',
  },
  {
    name: 'a block may inflate to any size',
    file: 'src/codec/batch-body.ts',
    find: 'if (rawBytes !== undefined && rawBytes > storedBytes * RATIO_MAX) {',
    replace: `if (${NEVER} rawBytes !== undefined && rawBytes > storedBytes * RATIO_MAX) {`,
    killer: 'bombsAreRefused',
  },
]
