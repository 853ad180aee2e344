/** Where the files are that seeded defects of histories and projections change.
 * @module */

const HISTORY = 'src/history'
export const AT = {
  appendOptions: `${HISTORY}/append-options.ts`,
  apply: `${HISTORY}/apply.ts`,
  applyRuns: `${HISTORY}/apply-runs.ts`,
  chain: `${HISTORY}/group-chain.ts`,
  chunks: `${HISTORY}/chunks.ts`,
  cleanupDry: `${HISTORY}/cleanup-dry.ts`,
  copy: `${HISTORY}/copy-value.ts`,
  diff: `${HISTORY}/diff.ts`,
  digest: 'src/ports/digest.ts',
  entries: `${HISTORY}/group-entries.ts`,
  frame: `${HISTORY}/version-frame.ts`,
  header: `${HISTORY}/group-header.ts`,
  finder: `${HISTORY}/version-finder.ts`,
  groupWriter: `${HISTORY}/group-writer.ts`,
  growing: `${HISTORY}/growing-group.ts`,
  history: `${HISTORY}/history.ts`,
  numbers: `${HISTORY}/number-diff.ts`,
  open: `${HISTORY}/group-open.ts`,
  regrouper: `${HISTORY}/cleanup-writer.ts`,
  rewriting: `${HISTORY}/cleanup.ts`,
  pathValues: `${HISTORY}/path-values.ts`,
  place: `${HISTORY}/place-versions.ts`,
  query: `${HISTORY}/query.ts`,
  queryCursor: `${HISTORY}/query-cursor.ts`,
  rollup: `${HISTORY}/rollup.ts`,
  texts: `${HISTORY}/string-diff.ts`,
  tiers: `${HISTORY}/tiers.ts`,
  trace: `${HISTORY}/trace-path.ts`,
  values: `${HISTORY}/group-values.ts`,
  versionList: `${HISTORY}/version-list.ts`,
  verify: `${HISTORY}/verify-group.ts`,
  writer: `${HISTORY}/version-writer.ts`,
}

export const NEVER = 'false &&'
