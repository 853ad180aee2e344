/** Seeded defects in the commits of histories. The comment of each says what the line protects.
 * @module */
import { AT } from './history-paths.ts'
import type { Defect } from './seeded.ts'

/** Killed by `history-store-scenarios.ts`. */
export const HISTORY_STORE_DEFECTS: readonly Defect[] = [
  // What a record names is on the disk before the record is.
  {
    name: 'a version is not synced',
    file: AT.growing,
    find: '    await writer.write(frame)\n    await writer.sync()\n',
    replace: '    await writer.write(frame)\n',
    killer: 'appendsSurviveCrashes',
  },
  // The same of the first one of a group.
  {
    name: 'a new group is not synced',
    file: AT.growing,
    find: '      await writer.sync()\n      return row',
    replace: '      return row',
    killer: 'appendsSurviveCrashes',
  },
  // The same of its name.
  {
    name: 'the name of a group is not synced',
    file: AT.groupWriter,
    find: "    await storage.syncDirectory(path.slice(0, path.lastIndexOf('/')))\n",
    replace: '    void [storage, path]\n',
    killer: 'appendsSurviveCrashes',
  },
  // The same of the name of a copy, which its writer takes for durable.
  {
    name: 'the name of a copy is not synced',
    file: AT.groupCopy,
    find: "    await to.storage.syncDirectory(to.path.slice(0, to.path.lastIndexOf('/')))\n",
    replace: '',
    killer: 'appendsSurviveCrashes',
  },
  // The same of what a clean-up writes.
  {
    name: 'groups that a clean-up writes are not synced',
    file: AT.regrouper,
    find: '    await open.writer.sync()\n',
    replace: '',
    killer: 'cleanupsSurviveCrashes',
  },
  // The old groups are there until the new ones are.
  {
    name: 'files go before a clean-up is committed',
    file: AT.clean,
    find: '    await host.commit({ name: row.name, from, groups, lastVersion: row.lastVersion })\n',
    replace: `    for (const file of outcome.oldFiles) await host.storage.remove(host.place({ id: '', file }).path)
    await host.commit({ name: row.name, from, groups, lastVersion: row.lastVersion })\n`,
    killer: 'cleanupsSurviveCrashes',
  },
  // A history is there until a record says that it is not.
  {
    name: 'files go before a deletion is committed',
    file: AT.histories,
    find: "      await history.inTurn(() => this.#context.commit({ type: 'history-deleted', name }))\n",
    replace: `      for (const { file } of this.#row(name, '').groups)
        await this.#context.storage.remove(HISTORY_FILES.path(name, file))
      await history.inTurn(() => this.#context.commit({ type: 'history-deleted', name }))\n`,
    killer: 'cleanupsSurviveCrashes',
  },
  // What an owner that vanished was writing does not stay for ever.
  {
    name: 'nothing is tidied up after an owner of histories that vanished',
    file: AT.histories,
    find: 'if (before !== undefined) this.files.tidyAfter(before, state().untidyHistories)',
    replace: "if (before === 'cleanly') this.files.tidyAfter(before, state().untidyHistories)",
    killer: 'cleanupsSurviveCrashes',
  },
  // Whoever was replaced may still write into its file.
  {
    name: 'the file of another epoch is taken over',
    file: AT.growing,
    find: 'if ((group.epoch !== undefined && group.epoch !== epoch) || this.#host',
    replace: 'if (epoch < 0 || this.#host',
    killer: 'replacedOwnersHaveTheirFiles',
  },
  // A file is copied when it has to be, and not after every start.
  {
    name: 'a file is copied after a clean close',
    file: AT.growing,
    find: 'if ((group.epoch !== undefined && group.epoch !== epoch) || this.#host',
    replace: 'if (group.epoch !== epoch || this.#host',
    killer: 'closesFreeTheirGroupsAlone',
  },
  // An owner that was replaced takes its files away: nobody else will.
  {
    name: 'versions are committed without a look at the fence',
    file: AT.histories,
    find: 'const isFenced = await this.#context.isFenced()',
    replace: 'const isFenced = false',
    killer: 'replacedOwnersLeaveNoGroups',
  },
  // What an owner is going to write to is known before it does, so that the next one stays away from it.
  {
    name: 'a file is gone on with before the manifest says so',
    file: AT.growing,
    find: 'else if (last.epoch !== epoch) await this.#claim(history, row)',
    replace: '',
    killer: 'sleepersWriteWhereNobodyReads',
  },
  // A close says that this owner is done, nothing of others.
  {
    name: 'a close frees the groups of all owners',
    file: AT.historiesDraft,
    find: `      if (!all.some((group) => group.epoch === this.#epoch)) continue
      const { groups } = this.#find(name)
      for (const [at, group] of groups.entries()) {
        if (group.epoch !== this.#epoch) continue\n`,
    replace: `      const { groups } = this.#find(name)
      for (const [at, group] of all.entries()) {\n`,
    killer: 'closesFreeTheirGroupsAlone',
  },
  // The next owner goes on with the files of one that closed.
  {
    name: 'a close frees no group',
    file: AT.historiesDraft,
    find: 'if (!all.some((group) => group.epoch === this.#epoch)) continue',
    replace: 'if (all.length >= 0) continue',
    killer: 'closesFreeTheirGroupsAlone',
  },
  // What is read is no leftover.
  {
    name: 'files that are read are not held',
    file: AT.openGroups,
    find: 'const release = this.#host.hold(group.file)',
    replace: 'const release = () => undefined',
    killer: 'filesThatAreReadStay',
  },
  // What was held goes when it is not needed any more.
  {
    name: 'files that were read stay',
    file: AT.histories,
    find: '!this.files.isNeeded(name, file)',
    replace: 'this.files.isNeeded(name, file)',
    killer: 'filesThatAreReadStay',
  },
  // A clean-up that was committed leaves no file.
  {
    name: 'files of a history that was deleted stay',
    file: AT.histories,
    find: '    await this.files.tidy(name)\n  }\n\n  /** Append to',
    replace: '  }\n\n  /** Append to',
    killer: 'deletedHistoriesAreGone',
  },
  // Whoever has a deleted history open has nothing of the one that came after it.
  {
    name: 'a deleted history is the one that was made anew',
    file: AT.histories,
    find: 'row.createdAt === createdAt && this.#open.get(name)?.history === history()',
    replace: 'row.createdAt !== 0 * createdAt',
    killer: 'deletedHistoriesAreGone',
  },
  // Nothing is begun after a close.
  {
    name: 'a store that is closed reads',
    file: AT.histories,
    find: "        checkOpen(this.#context, 'read a history')\n",
    replace: '',
    killer: 'closedStoresTakeNothing',
  },
  // Nor written.
  {
    name: 'a store that is closed appends',
    file: AT.writer,
    find: "    this.#host.checkWritable('append a version')\n",
    replace: '',
    killer: 'closedStoresTakeNothing',
  },
]

/** In records that make no sense: killed by `history-record-scenarios.ts`. */
export const HISTORY_RECORD_DEFECTS: readonly Defect[] = [
  // What was committed of a file stays what it was.
  {
    name: 'a file of a group may become shorter',
    file: AT.historiesDraft,
    find: 'same.id === group.id && same.endBytes <= group.endBytes',
    replace: 'same.id === group.id',
    killer: 'wrongRecordsAreRefused',
  },
  // A file has one writer.
  {
    name: 'a file of a group grows under any owner',
    file: AT.historiesDraft,
    find: "checkOf(history, isOurs, 'a file of history % grows under another owner')",
    replace: 'void isOurs',
    killer: 'wrongRecordsAreRefused',
  },
  // A number of a version that somebody has seen never means another one.
  {
    name: 'a history may lose its newest version',
    file: AT.historiesDraft,
    find: 'isWhole(lastVersion) && lastVersion >= row.lastVersion',
    replace: 'isWhole(lastVersion)',
    killer: 'wrongRecordsAreRefused',
  },
  // Groups are searched by halves, by versions,
  {
    name: 'groups may overlap',
    file: AT.historyRows,
    find: 'group.firstVersion > before.lastVersion',
    replace: 'group.firstVersion > 0',
    killer: 'wrongRecordsAreRefused',
  },
  // by time,
  {
    name: 'groups may go back in time',
    file: AT.historyRows,
    find: 'group.firstAt >= before.lastAt',
    replace: 'group.firstAt >= 0',
    killer: 'wrongRecordsAreRefused',
  },
  // and by the log.
  {
    name: 'groups may go back in the log',
    file: AT.historyRows,
    find: 'const isHigher = lastOffset === undefined || (group.lastOffset ?? -1) >= lastOffset',
    replace: 'const isHigher = lastOffset === undefined || group.firstVersion > 0',
    killer: 'wrongRecordsAreRefused',
  },
  // A file belongs to one group.
  {
    name: 'two groups may have one file',
    file: AT.historiesDraft,
    find: 'if (hasNew || written.length > 1) checkDistinct(groups, name, from)',
    replace: 'void hasNew',
    killer: 'wrongRecordsAreRefused',
  },
  // What is pinned is there.
  {
    name: 'what is not there may be pinned',
    file: AT.historiesDraft,
    find: 'if (pins !== undefined || replaced.length > 0) checkPins(now, groups, name)',
    replace: 'void checkPins',
    killer: 'wrongRecordsAreRefused',
  },
  // A projection publishes what is its own.
  {
    name: 'a projection may publish the document of another',
    file: AT.projectionsDraft,
    find: "checkOf(name, document.name === ownName(name), 'projection % publishes the document of another')",
    replace: '',
    killer: 'wrongRecordsAreRefused',
  },
  // The same of a history.
  {
    name: 'a projection may publish to the history of another',
    file: AT.projectionsDraft,
    find: "checkOf(name, history.name === ownName(name), 'projection % publishes to the history of another')",
    replace: '',
    killer: 'wrongRecordsAreRefused',
  },
  // What it keeps is its own as long as it is there.
  {
    name: 'what a projection keeps may be deleted',
    file: AT.projectionsDraft,
    find: 'check(this.#rows.find(name.slice(1))?.keep !== keep,',
    replace: 'check(this.#rows.find(name.slice(1))?.name !== keep,',
    killer: 'wrongRecordsAreRefused',
  },
  // And goes with it.
  {
    name: 'a document stays when its projection is deleted',
    file: AT.projectionsDraft,
    find: 'else if (this.#states.documents.has(own)) this.#states.documents.delete(own)',
    replace: '',
    killer: 'projectionsTakeTheirStatesAlong',
  },
]
