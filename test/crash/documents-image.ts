/** A store with documents as the bytes of its files, and everything it answers about them.
 * @module */

import type { OpenDocument } from '../../src/document/types.ts'
import { isVarveError } from '../../src/errors.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Store } from '../../src/store/types.ts'
import { Ledger } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import type { StoreImage } from '../faults/image-storage.ts'
import { plain } from '../support/scenario.ts'
import { mustSettle } from '../support/settle.ts'
import { Author, type Change } from './documents-oracle.ts'
import { openForTest, passTime, restartIdentifiers } from './oracle.ts'
import { imageOf } from './whole.ts'

/** Keys of the document that has key pages. */
export const MANY_KEYS = 4_200

/** Documents of one block, of a few, and perhaps one with key pages; closed, or left as by kill -9 in the middle of a
 * write. */
export async function documentImage(how: { readonly closes: boolean; readonly keys?: number }): Promise<StoreImage> {
  restartIdentifiers()
  const files = new FaultFiles()
  const ledger = new Ledger<Change>(() => files.position)
  await mustSettle(make(files, ledger, how), passTime)
  return imageOf(files)
}

async function make(files: FaultFiles, ledger: Ledger<Change>, how: { closes: boolean; keys?: number }): Promise<void> {
  const store = await openForTest(faultStorage(files))
  const author = new Author(store, ledger, 1)
  await author.write('small', 2)
  await author.write('catalog', 2)
  await author.write('catalog', 60)
  await author.write('gone', 2)
  await author.delete('gone')
  if (how.keys !== undefined) {
    const entries = Array.from({ length: how.keys }, (_, key) => [`${key.toString(36)}`, key])
    await store.documents.write('keys', Object.fromEntries(entries))
  }
  if (how.closes) return store.close()
  // What a vanished owner was writing.
  const unfinished = await store.documents.open('catalog')
  await author.write('catalog', 61)
  await unfinished.read('number')
}

/** The answers about each document, or the code of the error. */
export async function documentAnswers(store: Store): Promise<Map<string, string>> {
  const answers = new Map<string, string>()
  for (const { name, version } of await store.documents.list()) {
    try {
      const document = await store.documents.open(name)
      try {
        answers.set(name, `${version} ${await openAnswers(document)}`)
      } finally {
        await document.close()
      }
    } catch (error) {
      if (!isVarveError(error) || (error.kind !== 'corrupt' && error.code !== 'FORMAT_NEWER')) throw error
      answers.set(name, error.code)
    }
  }
  return answers
}

/** Everything one document answers. */
export async function openAnswers(document: OpenDocument): Promise<string> {
  const parts = [plain(await document.read())]
  for (const path of ['number', 'rows[1].text', 'rows[59].id', 'more[4].nested', '2i8', 'zzz', 'byKey."key 1 of 1"'])
    parts.push(plain(await document.read(path)))
  const { items } = await document.children('', { limit: 7 })
  parts.push(plain(items))
  return parts.join('\n')
}

export async function answersAt(storage: Storage, readOnly: boolean) {
  const store = await openForTest(storage, { readOnly })
  try {
    const answers = await documentAnswers(store)
    const { problems } = await store.verify()
    return { answers, problems }
  } finally {
    await store.close()
  }
}
