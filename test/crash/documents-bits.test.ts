/** Goal: no flipped bit of a document gives a wrong answer, and every one is named by `verify`.
 * Method: flip every bit of a document of one block, and some of one of several and of one with key pages; each flip
 * checks the file and reads the document whole and by paths, without the store; every so many open the store as well,
 * as a reader and as a writer.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { verifyDocumentFile } from '../../src/document/check/verify.ts'
import { openDocumentFile } from '../../src/document/read/document.ts'
import { readManifest } from '../../src/manifest/index.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { bitSweep, type Observation } from '../faults/bit-sweep.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { RUNTIME } from '../support/runtime.ts'
import { answersAt, documentImage, MANY_KEYS, openAnswers } from './documents-image.ts'

const isNode = RUNTIME === 'node'
const WHOLE_EVERY = 499

let image: StoreImage

beforeAll(async () => {
  image = await documentImage({ closes: true, keys: MANY_KEYS })
})

/** What a file answers, and what a check of it finds. */
async function guardOf(name: string) {
  const storage = imageStorage(image)
  const row = (await readManifest(storage))?.state.documents?.find((document) => document.name === name)
  if (row === undefined) throw new Error(`no document ${name}`)
  const path = `documents/${name}/${row.id}.vdoc`
  const parts = { storage, clock: systemClock, path, stat: row, id: row.id }
  const observe = async (): Promise<Observation> => {
    const { problems } = await verifyDocumentFile(parts, {})
    const found = problems.map(({ message }) => message)
    try {
      const document = await openDocumentFile(parts)
      try {
        return { answers: await openAnswers(document), found }
      } finally {
        await document.close()
      }
    } catch (error) {
      // What reading refuses, verifying must have found.
      if (found.length === 0) return { answers: `verify finds nothing: ${error}`, found }
      throw error
    }
  }
  return { path, observe }
}

/** The whole store, in which one document is damaged: what it answers must be right, or the code of the damage. */
async function whole(baseline: ReadonlyMap<string, string>, name: string, readOnly: boolean): Promise<Observation> {
  const { answers, problems } = await answersAt(imageStorage(image), readOnly)
  const wrong = [...baseline].filter(([other, wanted]) => {
    const answer = answers.get(other) ?? ''
    // A bit of the format version says that a newer program wrote the file.
    return answer !== wanted && (other !== name || !/^(?:DOCUMENT_|FORMAT_NEWER)/.test(answer))
  })
  return { answers: wrong.map(([other]) => other).join(), found: problems.map(({ message }) => message) }
}

async function sweep(name: string, stride: number): Promise<number> {
  const { path, observe: observeFile } = await guardOf(name)
  const { answers: baseline } = await answersAt(imageStorage(image), true)
  let turn = -1
  let wholeTurns = 0
  const observe = async (): Promise<Observation> => {
    if (++turn % WHOLE_EVERY === WHOLE_EVERY - 1) {
      wholeTurns++
      const { answers, found } = await whole(baseline, name, wholeTurns % 2 === 0)
      if (found.length === 0 || answers !== '') return { answers: `the whole store is wrong: ${answers}`, found }
    }
    return observeFile()
  }
  const bytes = image.get(path) ?? new Uint8Array()
  const report = await bitSweep({ image: new Map([[path, bytes]]), observe, stride, failuresMax: 5 })
  console.log(`flipped on ${RUNTIME}: ${report.flips} bits of a document of ${bytes.length} bytes, ${wholeTurns} whole`)
  expect(report.failures).toEqual([])
  expect(report.unchangedAt).toEqual(new Map())
  return report.flips
}

describe('a store with documents', () => {
  test.each([
    ['small', 1, 2_500],
    ['catalog', 3, 11_000],
    ['keys', 307, 1_200],
  ])('notices every flipped bit: %s', { timeout: 120_000 }, async (name, nodeStride, floor) => {
    const stride = isNode ? nodeStride : nodeStride * 11
    expect(await sweep(name, stride)).toBeGreaterThanOrEqual(Math.floor(floor / (stride / nodeStride)))
  })
})
