/** Seeded defects in taking, keeping and removing snapshots. The comment of each says what the line protects.
 * @module */
import type { Defect } from './seeded.ts'

const SNAPSHOT = 'src/snapshot'
const AT = {
  acquire: 'src/manifest/acquire.ts',
  catalogue: `${SNAPSHOT}/catalogue/catalogue.ts`,
  catalogueFile: `${SNAPSHOT}/catalogue/catalogue-file.ts`,
  cleanup: `${SNAPSHOT}/policy/cleanup.ts`,
  create: `${SNAPSHOT}/create.ts`,
  cut: 'src/store/cut.ts',
  delete: `${SNAPSHOT}/catalogue/delete.ts`,
  growing: 'src/history/growing-group.ts',
  ids: `${SNAPSHOT}/catalogue/ids.ts`,
  leftovers: `${SNAPSHOT}/catalogue/leftovers.ts`,
  policy: `${SNAPSHOT}/policy/policy.ts`,
  publish: `${SNAPSHOT}/catalogue/publish.ts`,
  readState: `${SNAPSHOT}/catalogue/read-state.ts`,
  removal: 'src/topic/removal.ts',
  snapshots: 'src/store/snapshots.ts',
  transfer: `${SNAPSHOT}/files/transfer.ts`,
}

/** Killed by `snapshot-scenarios.ts`. */
export const SNAPSHOT_DEFECTS: readonly Defect[] = [
  // A manifest is published when everything that it names is on the disk: copies,
  {
    name: 'copies are not synced',
    file: AT.transfer,
    find: 'if (file.optional !== true) await target.sync()',
    replace: '',
    killer: 'snapshotsSurviveCrashes',
  },
  // names,
  {
    name: 'names of files are not synced',
    file: AT.transfer,
    find: 'await forEach(directories, SYNCS, (directory) => this.#to.syncDirectory(directory))',
    replace: 'void directories',
    killer: 'snapshotsSurviveCrashes',
  },
  // its own bytes,
  {
    name: 'the manifest is not synced',
    file: AT.catalogueFile,
    find: '    await handle.sync()\n',
    replace: '',
    killer: 'snapshotsSurviveCrashes',
  },
  // and it is not told of before its name is.
  {
    name: 'the name of the manifest is not synced',
    file: AT.publish,
    find: '  await storage.syncDirectory(directory)\n',
    replace: '',
    killer: 'snapshotsSurviveCrashes',
  },
  // A pin is as durable.
  {
    name: 'a snapshot is pinned after it was published',
    file: AT.create,
    find: 'if (pinned === true) await catalogue.mark(id, true)',
    replace: 'void pinned',
    killer: 'snapshotsSurviveCrashes',
  },
  // What was acknowledged is durable, whatever the manifest of the store says so far.
  {
    name: 'a log ends where the manifest of the store says',
    file: AT.cut,
    find: 'const ended = { ...row, proven: topics.endNow(topic.id, row) }',
    replace: 'const ended = row',
    killer: 'acknowledgedEventsAreInIt',
  },
  // Without its manifest there is no snapshot, so that goes first,
  {
    name: 'the manifest of a snapshot goes with its other files',
    file: AT.delete,
    find: 'for (const name of manifests) await take(',
    replace: 'for (const name of manifests) void (',
    killer: 'deletesSurviveCrashes',
  },
  // durably.
  {
    name: 'files go before the removal of the manifest is durable',
    file: AT.delete,
    find: 'if (manifests.length > 0) await storage.syncDirectory(directory)',
    replace: '',
    killer: 'deletesSurviveCrashes',
  },
  // What grows is not shared: the active segment,
  {
    name: 'active segments are linked',
    file: AT.create,
    find: "...(kind === 'active' ? { copyBytes: sizeBytes } : {}),",
    replace: '',
    killer: 'linkedFilesAreNeverWritten',
  },
  // that of a topic that is forked,
  {
    name: 'the active segment of a fork is linked',
    file: `${SNAPSHOT}/fork/fork-topic.ts`,
    find: 'const copy = isWritten && !this.#source.isAtRest ? { copyBytes: sealed.endPosition } : {}',
    replace: 'const copy = isWritten ? {} : {}',
    killer: 'linkedFilesAreNeverWritten',
  },
  // the last file of a history, of which the history has to know,
  {
    name: 'histories are not told what is shared',
    file: AT.cut,
    find: 'await parts.histories.share(state.histories ?? [])',
    replace: '',
    killer: 'linkedFilesAreNeverWritten',
  },
  // and has to ask,
  {
    name: 'a file of versions that is open grows although it is shared',
    file: AT.growing,
    find: 'if (isCurrent && !this.#host.isShared(last.file)) return this.#growing',
    replace: 'if (isCurrent) return this.#growing',
    killer: 'linkedFilesAreNeverWritten',
  },
  // also after a restart, when only the file system knows.
  {
    name: 'nobody asks how many names a file of versions has',
    file: AT.growing,
    find: '(await handle.size()) === group.endBytes && (await storage.linkCount(path)) === 1',
    replace: '(await handle.size()) === group.endBytes',
    killer: 'linkedFilesAreNeverWritten',
  },
  // What is being taken does not go: segments,
  {
    name: 'segments are not held',
    file: AT.cut,
    find: 'context.holds.hold(partitionDirectory(name, partition))',
    replace: '() => void partitionDirectory(name, partition)',
    killer: 'filesStayWhileTheyAreTaken',
  },
  {
    name: 'removals ask nobody',
    file: AT.removal,
    find: 'await holds.free(directory)',
    replace: 'void holds',
    killer: 'filesStayWhileTheyAreTaken',
  },
  // documents,
  {
    name: 'documents are not held',
    file: AT.cut,
    find: 'releases.push(documents.files.hold(id))',
    replace: 'void id',
    killer: 'filesStayWhileTheyAreTaken',
  },
  // versions of histories.
  {
    name: 'versions are not held',
    file: AT.cut,
    find: 'releases.push(histories.files.hold(file))',
    replace: 'void file',
    killer: 'filesStayWhileTheyAreTaken',
  },
  // Then it goes.
  {
    name: 'a moment is never released',
    file: AT.create,
    find: '    cut.release()\n',
    replace: '',
    killer: 'filesStayWhileTheyAreTaken',
  },
  {
    name: 'files of documents that were held stay',
    file: AT.cut,
    find: '    documents.files.tidyLeft()\n',
    replace: '',
    killer: 'filesStayWhileTheyAreTaken',
  },
]

/** Killed there as well; apart, because a process keeps every bundle. */
export const SNAPSHOT_KEEPING_DEFECTS: readonly Defect[] = [
  // A failure leaves nothing.
  {
    name: 'a snapshot that failed is not discarded',
    file: AT.create,
    find: '    await catalogue.discard(id)\n',
    replace: '',
    killer: 'failedCreatesLeaveNothing',
  },
  // Whoever stopped it does not get it.
  {
    name: 'a snapshot that was stopped is published',
    file: AT.create,
    find: '    signal.throwIfAborted()\n    const by',
    replace: '    const by',
    killer: 'failedCreatesLeaveNothing',
  },
  // A crash leaves nothing for long.
  {
    name: 'leftovers stay',
    file: AT.snapshots,
    find: 'this.#cleaning = this.#removeLeftovers()',
    replace: 'void this.#removeLeftovers',
    killer: 'leftoversGoWithTheNextOpen',
  },
  // A process that slept may have completed it.
  {
    name: 'nobody looks again before leftovers go',
    file: AT.leftovers,
    find: '    if ((await namesIn(removing)).some(isManifest)) return false\n',
    replace: '',
    killer: 'completeSnapshotsOfSleepersStay',
  },
  // Or it does so while its files go.
  {
    name: 'the unpublished manifest goes with the other files',
    file: AT.leftovers,
    find: 'if (names.includes(UNPUBLISHED)) {',
    replace: 'if (names.length < 0) {',
    killer: 'removedLeftoversStayAway',
  },
  // Whoever was replaced has no store to take snapshots of,
  {
    name: 'a manifest gets its name without a look at the fence',
    file: AT.publish,
    find: '  await checkFence()\n  if (atomicReplace)',
    replace: '  if (atomicReplace)',
    killer: 'replacedOwnersPublishNothing',
  },
  // nor to remove them from.
  {
    name: 'files go without a look at the fence',
    file: AT.delete,
    find: '  await checkFence(removing)\n  await storage.remove(path)',
    replace: '  await storage.remove(path)',
    killer: 'replacedOwnersRemoveNothing',
  },
  // Bytes that somebody else has are not freed.
  {
    name: 'bytes that have other names count as freed',
    file: AT.delete,
    find: 'if ((await storage.linkCount(path)) > 1) return 0',
    replace: '',
    killer: 'freedBytesAreThoseOfLastNames',
  },
  // Pinned is pinned, for those who remove it,
  {
    name: 'a pinned snapshot is removed',
    file: AT.catalogue,
    find: 'if (names.pinned.has(id))',
    replace: 'if (names.pinned.size < 0)',
    killer: 'pinnedSnapshotsStay',
  },
  // and for clean-ups.
  {
    name: 'a pinned snapshot counts',
    file: AT.policy,
    find: 'if (info.pinned || ',
    replace: 'if (',
    killer: 'pinnedSnapshotsStay',
  },
  // However old it is, the newest is better than none.
  {
    name: 'the newest snapshot goes by age',
    file: AT.policy,
    find: 'else if (newer > 0 && now',
    replace: 'else if (now',
    killer: 'pinnedSnapshotsStay',
  },
  // A damaged catalogue is none,
  {
    name: 'the checksum of the catalogue is not looked at',
    file: AT.catalogueFile,
    find: 'if (fromUtf8(bytes.subarray(0, begin)) !== headOf(digest.crc32(list))) return undefined',
    replace: 'void [headOf, digest]',
    killer: 'cataloguesAreMadeAnew',
  },
  // and none loses a snapshot.
  {
    name: 'what the catalogue does not have is not there',
    file: AT.catalogue,
    find: 'await forEach(missing, WIDTH, (id) => this.#find(id))',
    replace: 'void [missing, forEach, WIDTH, this.#find]',
    killer: 'cataloguesAreMadeAnew',
  },
  // A manifest that was cut may say too little.
  {
    name: 'a manifest that was cut is believed',
    file: AT.readState,
    find: "if (!clean) throw damagedSnapshot(id, { file, reason: 'its manifest is not complete' })",
    replace: 'void clean',
    killer: 'damagedManifestsAreNamed',
  },
  // Files of the one are not those of the other.
  {
    name: 'the manifest of another snapshot is believed',
    file: AT.readState,
    find: 'if (snapshot?.id !== id)',
    replace: 'if (snapshot === undefined)',
    killer: 'damagedManifestsAreNamed',
  },
  // An id is part of a path.
  {
    name: 'an id may have a slash',
    file: AT.ids,
    find: String.raw`/^snapshot-\d{1,16}$/`,
    replace: '/^snapshot-./',
    killer: 'idsAreNoPaths',
  },
  // Two in a millisecond are two.
  {
    name: 'ids are given twice',
    file: AT.catalogue,
    find: 'while (isUsed(snapshotId(ms))) ms++',
    replace: 'void isUsed',
    killer: 'idsAreNoPaths',
  },
  // A process that slept may still be removing what had that id.
  {
    name: 'ids are used again',
    file: AT.catalogue,
    find: ' || this.#gone.has(id)\n',
    replace: '\n',
    killer: 'idsAreNoPaths',
  },
  // The minimum interval is one.
  {
    name: 'the minimum interval is not looked at',
    file: AT.policy,
    find: 'if (newest === undefined || now - newest.timestamp >= minIntervalMs) return',
    replace: 'if (newest === undefined || minIntervalMs >= 0) return',
    killer: 'minimumIntervalHolds',
  },
  // A clock that went back must not keep everybody waiting for years.
  {
    name: 'snapshots from the future count',
    file: AT.policy,
    find: 'targetKey(info) === key && info.timestamp <= now',
    replace: 'targetKey(info) === key && now > 0',
    killer: 'minimumIntervalHolds',
  },
  // Two that begin at the same time know of each other.
  {
    name: 'changes do not wait for each other',
    file: AT.snapshots,
    find: 'return await this.#turns.exclusively({ ...wait, signal }, () => task(signal))',
    replace: 'return await task(signal)',
    killer: 'minimumIntervalHolds',
  },
  // What is read stays.
  {
    name: 'readers are not known',
    file: AT.snapshots,
    find: 'return await this.#turns.read(id, () => work.task(signal))',
    replace: 'return await work.task(signal)',
    killer: 'readSnapshotsStay',
  },
  {
    name: 'a removal does not ask for readers',
    file: AT.snapshots,
    find: "this.#change('delete a snapshot', { ...options, unread: id }",
    replace: "this.#change('delete a snapshot', options",
    killer: 'readSnapshotsStay',
  },
  {
    name: 'a clean-up does not ask for readers',
    file: AT.cleanup,
    find: 'if (dryRun ? turns.isRead(row.id) : !turns.claim(row.id)) continue',
    replace: 'void turns',
    killer: 'readSnapshotsStay',
  },
  // Nobody reads what is going.
  {
    name: 'readers do not wait for removals',
    file: `${SNAPSHOT}/policy/turns.ts`,
    find: 'while (this.#claimed.has(id)) await this.#change()',
    replace: '',
    killer: 'readersWaitForRemovals',
  },
  // After a close nothing goes on.
  {
    name: 'a close waits for nobody',
    file: AT.snapshots,
    find: 'await this.#turns.settled()',
    replace: '',
    killer: 'closesWaitForSnapshots',
  },
  // A backup that somebody goes on in is none.
  {
    name: 'a snapshot may be written to',
    file: AT.acquire,
    find: '  if (state.snapshot === undefined) return\n',
    replace: '  if (state.storeId !== undefined) return\n',
    killer: 'snapshotsAreReadOnly',
  },
]
