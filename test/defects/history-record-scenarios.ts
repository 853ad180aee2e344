/** What kills defects in the records of histories and projections: those that make no sense are refused.
 * @module */
import type { ManifestState } from '../../src/manifest/index.ts'
import { must, mustEqual } from '../support/scenario.ts'
import {
  apply,
  created,
  document,
  EPOCH,
  group,
  hex,
  history,
  projection,
  start,
  written,
} from '../unit/manifest/histories-support.ts'
import { codeOf, scenario } from './history-support.ts'

/** A history of two groups, the last of which this epoch writes to, with a pin; one that another epoch writes to. */
function before(): ManifestState {
  const groups = [group(0, { lastOffset: 5 }), group(1, { epoch: EPOCH, lastOffset: 7 })] as const
  return apply(
    start(),
    created('board'),
    { ...written('board', 0, ...groups), pins: [2] },
    created('other'),
    written('other', 0, group(0, { epoch: EPOCH - 1 })),
    { type: 'projection-created', projection: projection('seen') },
    { type: 'projection-created', projection: projection('kept', { keep: 'history' }), history: history('_kept') },
  )
}

const grown = { ...group(1, { epoch: EPOCH, lastOffset: 7 }), lastVersion: 9, lastAt: 400, endBytes: 1_500 }

/** Records that go on with `before` as nothing that a writer does would. */
const WRONG: Readonly<Record<string, unknown>> = {
  'a file that becomes shorter': written('board', 1, { ...grown, endBytes: 900 }),
  'a file with other checksums': written('board', 1, { ...grown, id: hex(77) }),
  'a file that grows under another owner': written('other', 0, { ...group(0, { epoch: EPOCH }), endBytes: 2_000 }),
  'a file that grows under nobody': written('board', 1, { ...group(1, { lastOffset: 7 }), endBytes: 2_000 }),
  'a newest version that is lost': { ...written('board', 1), lastVersion: 7 },
  'a newest version that is none': { ...written('board', 1, grown), lastVersion: 8 },
  'a group that begins inside another': written('board', 1, { ...grown, firstVersion: 4 }),
  'a group that goes back in time': written('board', 1, { ...grown, firstAt: 2 }),
  'a group that goes back in the log': written('board', 1, { ...grown, lastOffset: 4 }),
  'two groups with one file': written('board', 2, group(2, { file: hex(1_001), lastOffset: 7 })),
  'a pin of nothing': { ...written('board', 1, grown), pins: [99] },
  'a pin whose version goes': { ...written('board', 0, grown), lastVersion: 9 },
  'a gap between groups': written('board', 3, group(2)),
  'a history that exists': created('board'),
  'a history that differs in case': created('Board'),
  'a history that nobody made': written('nothing', 0, group(0)),
  'the document of another projection': {
    type: 'projection-published',
    projection: projection('seen', { foldVersion: 1 }),
    document: document('_others'),
  },
  'a document of a projection that keeps a history': {
    type: 'projection-published',
    projection: projection('kept', { keep: 'history', foldVersion: 1 }),
    document: document('_kept'),
  },
  'the history of another projection': {
    type: 'projection-published',
    projection: projection('kept', { keep: 'history', foldVersion: 1 }),
    history: { name: 'board', from: 1, groups: [grown], lastVersion: 9 },
  },
  'a projection that becomes another one': {
    type: 'projection-published',
    projection: projection('kept', { keep: 'history', createdAt: 6 }),
  },
  'the history of a projection that is deleted': { type: 'history-deleted', name: '_kept' },
}

export const wrongRecordsAreRefused = scenario(async () => {
  const state = before()
  mustEqual(await codeOf(() => apply(state, written('board', 1, grown))), 'nothing', 'a version more')
  for (const [what, record] of Object.entries(WRONG)) {
    mustEqual(await codeOf(() => apply(state, record)), 'MANIFEST_DAMAGED', what)
  }
})

/** A projection takes what it kept with it. */
export const projectionsTakeTheirStatesAlong = scenario(async () => {
  const published = { type: 'projection-published', projection: projection('seen', { foldVersion: 1 }) }
  const state = apply(before(), { ...published, document: document('_seen') })
  const after = apply(state, { type: 'projection-deleted', name: 'seen' }, { type: 'projection-deleted', name: 'kept' })
  mustEqual(after.projections ?? [], [], 'projections')
  mustEqual(after.documents ?? [], [], 'documents')
  must(!(after.histories ?? []).some(({ name }) => name.startsWith('_')), 'there is no history of a projection')
})
