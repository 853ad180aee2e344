/** Seeded defects in documents: their files, their commits, the manifest that is written anew for them.
 * The comment of each says what the line protects.
 * @module */
import type { Defect } from './seeded.ts'

const BLOCKS = 'src/document/blocks.ts'
const FILE_FORMAT = 'src/document/file-format.ts'
const INDEX_BUILD = 'src/document/index/build.ts'
const ENCODER = 'src/document/write/encoder.ts'
const WRITER = 'src/document/write/writer.ts'
const WRITES = 'src/store/document-writes.ts'
const FILES = 'src/store/stored-files.ts'
const MANIFEST = 'src/manifest/manifest.ts'
const NEVER = 'false &&'

/** In files: killed by `document-scenarios.ts`. */
export const DOCUMENT_FILE_DEFECTS: readonly Defect[] = [
  // No flipped bit of a block is read as a value.
  {
    name: 'the checksum of a block of a document is not looked at',
    file: BLOCKS,
    find: 'if (u32(bytes, 0) !== crc) throw',
    replace: `if (${NEVER} u32(bytes, 0) !== crc) throw`,
    killer: 'bitsOfDocumentsAreNoticed',
  },
  // Sectors that the device wrote to a wrong place of the file.
  {
    name: 'a block of a document is valid wherever it lies',
    file: BLOCKS,
    find: 'return (seed ^ Math.imul(block + 1, 0x9e3779b1)) >>> 0',
    replace: 'void block; return seed',
    killer: 'misplacedBlocksAreNoticed',
  },
  // The same, from the file of another document or version.
  {
    name: 'a block of a document is valid in any document',
    file: BLOCKS,
    find: 'return digest.crc32(id)',
    replace: 'return digest.crc32(id.subarray(id.length))',
    killer: 'misplacedBlocksAreNoticed',
  },
  // No flipped bit of the index leads to another value.
  {
    name: 'the checksum of the index of a document is not looked at',
    file: FILE_FORMAT,
    find: 'if (stored !== sectionCrc(section, trailer, digest)) throw',
    replace: `if (${NEVER} stored !== sectionCrc(section, trailer, digest)) throw`,
    killer: 'bitsOfDocumentsAreNoticed',
  },
  // A file that was never finished is no document, even if its last bytes look like one.
  {
    name: 'a document without sizes is opened',
    file: FILE_FORMAT,
    find: 'header.some((byte, at) => byte !== expected[at])',
    replace: 'header.some((byte, at) => byte !== 0 && byte !== expected[at])',
    killer: 'unfinishedAndForeignFilesAreRefused',
  },
  // The file of another document is found out when it is opened, not when some block of it is read.
  {
    name: 'the id of a document is not compared',
    file: 'src/document/read/open-file.ts',
    find: 'trailer.id !== id || ',
    replace: '',
    killer: 'unfinishedAndForeignFilesAreRefused',
  },
  // Keys whose key pages were written before the object ended.
  {
    name: 'older runs of key pages are forgotten',
    file: 'src/document/read/locate.ts',
    find: '    run = previousRun\n',
    replace: '    run = 0 * previousRun\n',
    killer: 'largeObjectsFindEveryKey',
  },
  // A read that ends at the first of two equal keys would give what JSON.parse does not.
  {
    name: 'nobody is told of a key that is there twice',
    file: ENCODER,
    find: 'this.hasDuplicates = true',
    replace: 'this.hasDuplicates = false',
    killer: 'theLastOfEqualKeysCounts',
  },
  // What comes behind a large value is found without a scan of that value, also when the index is thinned.
  {
    name: 'no range is kept behind an entry when an index is thinned',
    file: INDEX_BUILD,
    find: 'this.#marks[depth] = Number.NEGATIVE_INFINITY',
    replace: 'this.#marks[depth] = address',
    killer: 'thinnedIndexesAnswerAll',
  },
  // Items of the index are children of entries.
  {
    name: 'thinning keeps what is in an entry that goes',
    file: INDEX_BUILD,
    find: 'if (depth > thinning.dropped) continue',
    replace: `if (${NEVER} depth > thinning.dropped) continue`,
    killer: 'thinnedIndexesAnswerAll',
  },
  // Reading may begin anywhere: a number means one key in the whole document.
  {
    name: 'a number of the key table is given again',
    file: 'src/document/write/key-table.ts',
    find: 'this.names.push(name)',
    replace: 'this.names.push(name); if (number >= 20) this.names[number - 20] = name',
    killer: 'whatIsWrittenReadsBack',
  },
  // A container whose beginning is written gets an end, however few children it has.
  {
    name: 'the count of a container is written when its beginning is gone',
    file: ENCODER,
    find: '< SHORT.count && begin >= 0)',
    replace: '< SHORT.count)',
    killer: 'whatIsWrittenReadsBack',
  },
  // What was written can be read: both sides have the same limit.
  {
    name: 'a document may be a level too deep',
    file: ENCODER,
    find: 'if (level >= DEPTH_MAX) throw',
    replace: 'if (level > DEPTH_MAX) throw',
    killer: 'depthHasItsLimit',
  },
  // Memory of readers is bounded, whatever the bytes say.
  {
    name: 'a read goes a level too deep',
    file: 'src/codec/structural-read.ts',
    find: 'if (this.#around.length >= DEPTH_MAX) throw',
    replace: 'if (this.#around.length > DEPTH_MAX) throw',
    killer: 'depthHasItsLimit',
  },
  // Bytes that are no text never become one.
  {
    name: 'a string of a document need not be UTF-8',
    file: 'src/codec/structural-scalars.ts',
    find: "new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })",
    replace: "new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })",
    killer: 'brokenTextsAreRefused',
  },
  // The same where bytes are copied without being decoded.
  {
    name: 'JSON text of a document need not be UTF-8',
    file: 'src/document/json/text.ts',
    find: 'if (!this.#out.string(this.#cursor.bytes, from, to)) throw',
    replace: `if (!this.#out.string(this.#cursor.bytes, from, to) && ${NEVER} true) throw`,
    killer: 'brokenTextsAreRefused',
  },
  // What verify finds sound is read right: a search goes on where the index says.
  {
    name: 'verify does not look whether the index leads past entries',
    file: 'src/document/check/verify.ts',
    find: '  checkSiblings(index)\n',
    replace: '  void checkSiblings\n',
    killer: 'wrongIndexesAreNamed',
  },
  // The same: elements behind the count of their array are not there.
  {
    name: 'verify does not count children',
    file: 'src/document/check/checked-walk.ts',
    find: 'if (this.#index.items.counts[item] !== this.ordinal) throw',
    replace: `if (${NEVER} this.#index.items.counts[item] !== this.ordinal) throw`,
    killer: 'wrongIndexesAreNamed',
  },
  // The same: a key is not found by another hash.
  {
    name: 'verify does not look at the hashes of key pages',
    file: 'src/document/check/key-pages.ts',
    find: 'if (found.sum !== wanted.sum) throw',
    replace: `if (${NEVER} found.sum !== wanted.sum) throw`,
    killer: 'wrongIndexesAreNamed',
  },
  // The same: a number of the key table is the key that the events say.
  {
    name: 'verify does not compare the key table',
    file: 'src/document/check/stream-check.ts',
    find: 'decodeText(bytes, text, next) !== this.#keys[this.#numbers++]',
    replace: 'decodeText(bytes, text, next) !== this.#keys[this.#numbers++] && this.#keys.length < 0',
    killer: 'wrongIndexesAreNamed',
  },
  // No bytes make a read endless.
  {
    name: 'a value that is missing is looked for for ever',
    file: 'src/document/read/scanner.ts',
    find: "    if (found === SKIP.ended) throw this.#damaged(this.window.at, 'an end where a value should be')\n",
    replace: '',
    killer: 'hostileObjectsEnd',
  },
]

/** In commits: killed by `document-store-scenarios.ts`. */
export const DOCUMENT_STORE_DEFECTS: readonly Defect[] = [
  // What a record names is on the disk before the record is.
  {
    name: 'a document is not synced',
    file: WRITER,
    find: '      await this.#handle.sync()\n',
    replace: '',
    killer: 'documentsSurviveCrashes',
  },
  // The same of its name.
  {
    name: 'the name of a document is not synced',
    file: WRITER,
    find: "    await storage.syncDirectory(path.slice(0, path.lastIndexOf('/')))\n",
    replace: '',
    killer: 'documentsSurviveCrashes',
  },
  // The same on storages that only append, where the file is a copy.
  {
    name: 'the copy of a document is not synced',
    file: WRITER,
    find: '      await to.sync()\n',
    replace: '',
    killer: 'copiedDocumentsSurviveCrashes',
  },
  // The version before is there until the new one is.
  {
    name: 'the file of an older version goes before the record',
    file: WRITES,
    find: '        if (options.commit !== undefined) await options.commit(document)\n',
    replace: `        if (before !== undefined) await storage.remove(DOCUMENT_FILES.path(name, before.id))
        if (options.commit !== undefined) await options.commit(document)\n`,
    killer: 'documentsSurviveCrashes',
  },
  // The same of a document that is deleted.
  {
    name: 'the file of a deleted document goes before the record',
    file: WRITES,
    find: "    await this.#context.commit({ type: 'document-deleted', name })\n",
    replace: `    await this.#context.storage.remove(DOCUMENT_FILES.path(name, row.id))
    await this.#context.commit({ type: 'document-deleted', name })\n`,
    killer: 'documentsSurviveCrashes',
  },
  // A record that may be on the disk names a file that is there.
  {
    name: 'the file of a commit of unknown outcome goes',
    file: WRITES,
    find: '        writer = undefined\n',
    replace: '',
    killer: 'filesFollowTheirRecords',
  },
  // A record that is not there leaves no file.
  {
    name: 'the file of a commit that failed stays',
    file: WRITES,
    find: 'await files.tidy(name, true)',
    replace: 'void files',
    killer: 'filesFollowTheirRecords',
  },
  // What an owner that vanished was writing does not stay for ever.
  {
    name: 'nothing is tidied up after an owner that vanished',
    file: 'src/store/documents.ts',
    find: 'if (before !== undefined) this.files.tidyAfter(before, state().untidyDocuments)',
    replace: "if (before === 'cleanly') this.files.tidyAfter(before, state().untidyDocuments)",
    killer: 'documentsSurviveCrashes',
  },
  // The same of what it had removed: a crash brings names back that were not synced.
  {
    name: 'directories without leftovers are not synced after an owner that vanished',
    file: FILES,
    find: 'await this.tidy(name, true)',
    replace: 'await this.tidy(name)',
    killer: 'removedDocumentsStayAway',
  },
  // An owner that was replaced takes its file away: nobody else will.
  {
    name: 'a document is committed without a look at the fence',
    file: WRITES,
    find: '        await this.#checkOwner()\n',
    replace: '',
    killer: 'replacedOwnersLeaveNoDocuments',
  },
  // An owner that was replaced knows nothing of the files of the next one.
  {
    name: 'a replaced owner goes on tidying up documents',
    file: FILES,
    find: 'if (!isIdle && (await this.#context.isFenced())) throw',
    replace: `if (${NEVER} !isIdle && (await this.#context.isFenced())) throw`,
    killer: 'replacedOwnersRemoveNoDocuments',
  },
  // What is being written or read is no leftover.
  {
    name: 'files of documents go while they are in use',
    file: FILES,
    find: 'this.#held.set(id, (this.#held.get(id) ?? 0) + 1)',
    replace: '',
    killer: 'documentsInUseStay',
  },
  // A version that somebody has seen never means another value.
  {
    name: 'versions begin again after a deletion',
    file: WRITES,
    find: 'this.#store.state().lastDocumentVersion ?? 0',
    replace: '0',
    killer: 'versionsOfDocumentsNeverRepeat',
  },
  // The same when another one is deleted later.
  {
    name: 'the highest version of a deleted document is not kept',
    file: 'src/manifest/documents.ts',
    find: 'this.lastVersion = Math.max(this.lastVersion ?? 0, row.version)',
    replace: 'this.lastVersion = row.version',
    killer: 'versionsOfDocumentsNeverRepeat',
  },
  // No write is lost: of two that saw the same version one goes through.
  {
    name: 'the version asked for is compared before the write only',
    file: WRITES,
    find: 'this.#before(name, options.ifVersion)',
    replace: 'this.#before(name, undefined)',
    killer: 'oneOfManyWritersWins',
  },
  // The same for the order of versions.
  {
    name: 'writes of one document do not take turns',
    file: WRITES,
    find: '(this.#turns.get(folded) ?? Promise.resolve()).then(task)',
    replace: 'Promise.resolve().then(task)',
    killer: 'oneOfManyWritersWins',
  },
  // What is in place of the manifest is whole.
  {
    name: 'a manifest written anew is not synced',
    file: MANIFEST,
    find: '      await handle.sync()\n    }\n    return sequence',
    replace: '    }\n    return sequence',
    killer: 'manifestsWrittenAnewSurviveCrashes',
  },
  // A crash does not bring the old manifest back after records went to the new one.
  {
    name: 'the name of a manifest written anew is not synced',
    file: MANIFEST,
    find: "      await this.#storage.syncDirectory('')\n",
    replace: '',
    killer: 'manifestsWrittenAnewSurviveCrashes',
  },
  // An owner writes its own manifest and no other.
  {
    name: 'a manifest written anew takes the place of another',
    file: MANIFEST,
    find: 'this.#storage.replace(path, this.#ownPath)',
    replace: 'this.#storage.replace(path, this.#nextPath)',
    killer: 'manifestsWrittenAnewSurviveCrashes',
  },
  // A name that vanished does not come back: it would tell an owner that slept that nobody has replaced it.
  {
    name: 'a manifest is written anew without a look at the fence',
    file: MANIFEST,
    find: "if (await this.isFenced()) throw new VarveError('STORE_FENCED', 'Cannot shorten",
    replace: `if (${NEVER} (await this.isFenced())) throw new VarveError('STORE_FENCED', 'Cannot shorten`,
    killer: 'sleepersBringNoManifestBack',
  },
]
