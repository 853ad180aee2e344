/** Seeded defects in what is asked of a history. The comment of each says what the line protects.
 * @module */
import { AT, NEVER } from './history-paths.ts'
import type { Defect } from './seeded.ts'

/** In appends, searches and queries: killed by `history-scenarios.ts`. */
export const HISTORY_CALL_DEFECTS: readonly Defect[] = [
  // Of two that saw the same version one goes through.
  {
    name: 'the version that is expected is not looked at',
    file: AT.appendOptions,
    find: 'if (ifVersion !== undefined && ifVersion !== row.lastVersion) {',
    replace: `if (${NEVER} ifVersion !== row.lastVersion) {`,
    killer: 'versionsComeInOrder',
  },
  // Versions are found by time with a search that halves.
  {
    name: 'a version may be of a time before the one before',
    file: AT.appendOptions,
    find: 'if (wanted.at !== undefined && wanted.at < lastAt) {',
    replace: `if (${NEVER} wanted.at !== undefined) {`,
    killer: 'versionsComeInOrder',
  },
  // The same when the clock goes back.
  {
    name: 'the time of a version goes back with the clock',
    file: AT.appendOptions,
    find: 'wanted.at ?? Math.max(now, lastAt)',
    replace: 'wanted.at ?? now',
    killer: 'versionsComeInOrder',
  },
  // The same of the log.
  {
    name: 'a version may reflect less of the log than the one before',
    file: AT.appendOptions,
    find: 'if (wanted.offset !== undefined && wanted.offset < lastOffset) {',
    replace: `if (${NEVER} wanted.offset !== undefined) {`,
    killer: 'versionsComeInOrder',
  },
  // The same over groups that say nothing of the log.
  {
    name: 'a group without offsets forgets those before it',
    file: AT.growing,
    find: 'facts.offset ?? groups.at(-1)?.lastOffset',
    replace: 'groups.length < 0 ? 0 : facts.offset',
    killer: 'versionsComeInOrder',
  },
  // The highest offset is the history's, whatever becomes of its groups.
  {
    name: 'a record does not say the highest offset',
    file: AT.growing,
    find: '...(offset !== undefined && { lastOffset: offset }) }\n}',
    replace: '...(offset === null && { lastOffset: 0 }) }\n}',
    killer: 'versionsComeInOrder',
  },
  // What a failed append has written, or named in the key table, is not gone on with.
  {
    name: 'the file of a failed append is gone on with',
    file: AT.writer,
    find: 'if (!isCommitted) await this.#rest()',
    replace: 'if (!isCommitted) this.#newest = undefined',
    killer: 'failedAppendsLeaveNothing',
  },
  // A file with more bytes than count is not appended to.
  {
    name: 'a file is gone on with whatever its size is',
    file: AT.growing,
    find: 'return (await handle.size()) === group.endBytes',
    replace: 'return (await handle.size()) >= 0',
    killer: 'failedAppendsLeaveNothing',
  },
  // A read never applies more changes than the keyframe is worth.
  {
    name: 'changes of a group may take any size',
    file: AT.groupWriter,
    find: 'return this.#state.deltaBytes <= Math.max(DELTAS_LEAST_BYTES, this.#state.keyframeBytes / 2)',
    replace: 'return DELTAS_LEAST_BYTES > 0',
    killer: 'groupsEndInTime',
  },
  // A change as large as a copy is a copy.
  {
    name: 'a value that has nothing of the one before is stored as a change',
    file: AT.groupWriter,
    find: 'if (isCopy && deltaBytes > COPY_LEAST_BYTES) return false',
    replace: 'void [isCopy, deltaBytes, COPY_LEAST_BYTES]',
    killer: 'groupsEndInTime',
  },
  // A group has as many versions as was asked for.
  {
    name: 'a group may have any number of versions',
    file: AT.growing,
    find: 'if (countOf(last) >= options.keyframeInterval) return undefined',
    replace: 'void [countOf, options]',
    killer: 'groupsEndInTime',
  },
  // A version at that very time is of that time.
  {
    name: 'a group that begins at a time is behind it',
    file: AT.place,
    find: 'firstAt > time) - 1',
    replace: 'firstAt >= time) - 1',
    killer: 'versionsAreFoundAtBorders',
  },
  // The same of a version.
  {
    name: 'a version at a time is behind it',
    file: AT.finder,
    find: '({ at }) => at <= time',
    replace: '({ at }) => at < time',
    killer: 'versionsAreFoundAtBorders',
  },
  // A version up to an offset reflects no more.
  {
    name: 'a version up to an offset is behind it',
    file: AT.finder,
    find: 'stored.offset <= offset',
    replace: 'stored.offset < offset',
    killer: 'versionsAreFoundAtBorders',
  },
  // The same of groups.
  {
    name: 'a group up to an offset is behind it',
    file: AT.place,
    find: 'lastOffset !== undefined && lastOffset > offset)',
    replace: 'lastOffset !== undefined && lastOffset >= offset)',
    killer: 'versionsAreFoundAtBorders',
  },
  // Of versions with the same label the newest is meant.
  {
    name: 'the first version with a label is found',
    file: AT.finder,
    find: 'if (label !== undefined) newest.set(label, version)',
    replace: 'if (label !== undefined && !newest.has(label)) newest.set(label, version)',
    killer: 'versionsAreFoundAtBorders',
  },
  // Labels that are remembered are those of the group as it was then.
  {
    name: 'labels of a group that grew are not looked at again',
    file: AT.finder,
    find: 'if (known?.endBytes === group.endBytes) return known.newest',
    replace: 'if (known !== undefined) return known.newest',
    killer: 'versionsAreFoundAtBorders',
  },
  // Until is exclusive.
  {
    name: 'a query gives what is at its end',
    file: AT.query,
    find: 'if (at < query.since || at >= query.until) return false',
    replace: 'if (at < query.since || at > query.until) return false',
    killer: 'queriesAreHalfOpen',
  },
  // Since is inclusive.
  {
    name: 'a query leaves out what is at its beginning',
    file: AT.query,
    find: 'lastVersion >= next && lastAt >= since)',
    replace: 'lastVersion >= next && lastAt > since)',
    killer: 'queriesAreHalfOpen',
  },
  // The same backwards, where groups are ruled out by their rows.
  {
    name: 'a query that goes back leaves out the group at its beginning',
    file: AT.query,
    find: 'isForward ? group.firstAt >= until : group.lastAt < since',
    replace: 'isForward ? group.firstAt >= until : group.lastAt <= since',
    killer: 'queriesAreHalfOpen',
  },
  // A limit of 0 is a limit.
  {
    name: 'a query for none gives all',
    file: AT.query,
    find: "if (limit === 0) return this.#stop('limit', next)",
    replace: '',
    killer: 'noneAreFoundWhenNoneAreWanted',
  },
  // A budget that is too small for one version does not stop a query for ever.
  {
    name: 'a query whose first value is too large stops there again and again',
    file: AT.query,
    find: 'if (this.#count > 0 && this.#usedBytes',
    replace: 'if (this.#usedBytes',
    killer: 'queriesGoOnWhereTheyStopped',
  },
  // What a query stopped before is what the next one begins with.
  {
    name: 'the version that was too large is left out',
    file: AT.query,
    find: "return this.#stop('budget', found.version)",
    replace: "return this.#stop('budget', found.version + (isForward ? 1 : -1))",
    killer: 'queriesGoOnWhereTheyStopped',
  },
  // What a query gave last does not come again.
  {
    name: 'the last version of a query is the first of the next',
    file: AT.query,
    find: "return this.#stop('limit', found.version + (isForward ? 1 : -1))",
    replace: "return this.#stop('limit', found.version)",
    killer: 'queriesGoOnWhereTheyStopped',
  },
  // Values that are found count, together.
  {
    name: 'each value may take the whole budget',
    file: AT.query,
    find: 'this.#usedBytes += sizeBytes',
    replace: 'this.#usedBytes = sizeBytes',
    killer: 'queriesGoOnWhereTheyStopped',
  },
  // A place in one history is none in another.
  {
    name: 'cursors of other histories are taken',
    file: AT.queryCursor,
    find: 'if (from !== history)',
    replace: `if (${NEVER} from !== history)`,
    killer: 'cursorsBelongToTheirHistories',
  },
  // A history that was made anew with the same name is another one.
  {
    name: 'cursors name a history by its name alone',
    file: AT.versionList,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source.
    find: 'return `${name}@${createdAt}`',
    replace: 'void createdAt; return name',
    killer: 'cursorsBelongToTheirHistories',
  },
]

/** In thinning out: killed by `history-cleanup-scenarios.ts`. */
export const HISTORY_CLEANUP_DEFECTS: readonly Defect[] = [
  // Whoever asks for the newest version has one.
  {
    name: 'the newest version grows old',
    file: AT.tiers,
    find: 'versions[at] !== newest && ',
    replace: 'newest !== null && ',
    killer: 'tiersHaveTheirBorders',
  },
  // What is pinned stays whatever the tiers say.
  {
    name: 'pinned versions go',
    file: AT.tiers,
    find: 'versions[at]?.pinned === false',
    replace: 'versions[at]?.pinned !== undefined',
    killer: 'pinnedVersionsStay',
  },
  // A version of exactly the age of a tier is in it.
  {
    name: 'a version leaves its tier at its age',
    file: AT.tiers,
    find: 'forMs === null || ageMs <= forMs',
    replace: 'forMs === null || ageMs < forMs',
    killer: 'tiersHaveTheirBorders',
  },
  // The state at the end of a period is what it is known by.
  {
    name: 'the first version of a period stays',
    file: AT.tiers,
    find: 'const lastValue = period.values.at(-1)',
    replace: 'const lastValue = period.values.at(0)',
    killer: 'tiersHaveTheirBorders',
  },
  // Periods begin at multiples of their length.
  {
    name: 'periods begin in the middle of others',
    file: AT.tiers,
    find: 'Math.floor(time / everyMs)',
    replace: 'Math.round(time / everyMs)',
    killer: 'tiersHaveTheirBorders',
  },
  // What was thinned out by the hour is never taken for what was not.
  {
    name: 'versions go back to a younger tier',
    file: AT.tiers,
    find: 'Math.min(Math.max(age, TIERS.indexOf(tier)), GONE - 1)',
    replace: 'Math.min(age, GONE - 1 + 0 * tier.length)',
    killer: 'clocksMayGoBack',
  },
  // Nothing is removed that its age at the moment does not ask for.
  {
    name: 'versions of older tiers are thinned out whatever their age is',
    file: AT.tiers,
    find: 'return ranked !== undefined && ranked.age >= ranked.tier',
    replace: 'return ranked !== undefined',
    killer: 'tiersOnlyGrowOlder',
  },
  // A rollup tells how many values it is of.
  {
    name: 'rollups of rollups count those',
    file: AT.rollup,
    find: 'known.count += count',
    replace: 'known.count += 1',
    killer: 'metricsAreSummedUp',
  },
  // Its mean is that of all values, not of means.
  {
    name: 'means are summed up as they are',
    file: AT.rollup,
    find: 'known.sum += mean * count',
    replace: 'known.sum += mean',
    killer: 'metricsAreSummedUp',
  },
  // NaN is no measurement.
  {
    name: 'NaN is summed up',
    file: AT.rollup,
    find: 'if (!Number.isNaN(value)) this',
    replace: 'this',
    killer: 'metricsAreSummedUp',
  },
  // A dry run writes nothing.
  {
    name: 'a dry run writes files',
    file: AT.regrouper,
    find: 'if (this.#isDry) return',
    replace: `if (${NEVER} this.#isDry) return`,
    killer: 'dryRunsTellTheTruth',
  },
  // Nor does it say that something has happened.
  {
    name: 'a dry run is a real one that nobody commits',
    file: AT.clean,
    find: 'options: { ...options, dryRun: true },',
    replace: 'options: { ...options, dryRun: false },',
    killer: 'dryRunsTellTheTruth',
  },
  // What it would write is counted to the byte.
  {
    name: 'a dry run counts the first write of a file alone',
    file: AT.cleanupDry,
    find: 'this.#sizeBytes += bytes.length',
    replace: 'this.#sizeBytes ||= bytes.length',
    killer: 'dryRunsTellTheTruth',
  },
  // What is compressed is the same.
  {
    name: 'groups have other ids in a dry run',
    file: AT.regrouper,
    find: 'const id = this.#idOf(at.source, version)',
    replace: 'const id = this.#isDry ? "0000000000000000" : this.#idOf(at.source, version)',
    killer: 'dryRunsTellTheTruth',
  },
]
