/** A store as the bytes of its files, and everything it answers.
 * @module */
import type { Store } from '../../src/store/types.ts'
import type { Observation } from '../faults/bit-sweep.ts'
import { Ledger } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { plain } from '../support/scenario.ts'
import { type Call, openForTest, restartIdentifiers } from './oracle.ts'
import { roll, type Workload } from './workloads.ts'

/** A store that a workload left behind; rolled segments and a clean close by default. */
export async function closedStore(workload: Workload = roll): Promise<StoreImage> {
  restartIdentifiers()
  const files = new FaultFiles()
  await workload(files, new Ledger<Call>(() => files.position))
  return imageOf(files)
}

/** What the files of a store hold now. */
export function imageOf(files: FaultFiles): StoreImage {
  const image = new Map<string, Uint8Array>()
  for (const [path, bytes] of files.files()) image.set(path.replace(/^\/store\//, ''), bytes)
  return image
}

/** Open, verify, read everything. */
export async function observeWhole(image: StoreImage, readOnly: boolean | 'salvage'): Promise<Observation> {
  const store = await openForTest(imageStorage(image), { readOnly })
  try {
    const { refused, ignored } = store.openReport
    const report = await store.verify()
    const found = [...report.problems.map(({ message }) => message), ...refused.map(({ reason }) => reason), ...ignored]
    return { answers: await everything(store), found }
  } finally {
    await store.close()
  }
}

async function everything(store: Store): Promise<string> {
  const parts: string[] = []
  for (const { topic: name } of await store.topics.list()) {
    const topic = await store.topics.open(name)
    for await (const events of topic.read().batches()) parts.push(plain(events))
    parts.push(plain(await topic.last(3)))
    for (const entity of ['entity-0', 'entity-1', 'entity-2', 'none'])
      parts.push(`${entity} ${await topic.version(entity)}`)
  }
  return parts.join('\n')
}
