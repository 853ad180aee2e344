/** Deleting a topic, and the files of its partitions.
 *
 * 1. Wait until nothing is written to any partition. 2. One manifest record: the topic is gone, its files are listed.
 * 3. Everybody who has it open is told. 4. The files go; a crash leaves them to the next owner.
 * @module */
import { partitionDirectory, type Removal, type TopicRow } from '../manifest/index.ts'
import { isPartitionFile } from '../segment/names.ts'
import type { LogContext } from '../topic/context.ts'
import { removeFiles } from '../topic/removal.ts'
import type { PartitionWriter } from '../topic/writer.ts'
import type { OpenTopic } from './open-partition.ts'

/** Delete a topic that nobody else changes meanwhile.
 * @param opened so that nobody else can open it; one that cannot be opened can be deleted all the same.
 * @param gone called when its record is committed. */
export async function deleteTopic(
  context: LogContext,
  topic: { readonly row: TopicRow; readonly opened: OpenTopic | undefined },
  gone: () => void,
): Promise<void> {
  const { row, opened } = topic
  const writers = (opened?.partitions ?? []).flatMap(({ writer }) => (writer === undefined ? [] : [writer]))
  const removing = await whileIdle(writers, async () => {
    const files = await filesOf(context, row)
    await context.commit({ type: 'topic-deleted', topic: row.id, removing: files })
    gone()
    return files
  })
  for (const writer of writers) await writer.close()
  for (const { directory, files } of removing) {
    // What was being derived from the segments may have been finished meanwhile.
    const known = new Set(files)
    const found = await filesIn(context, directory).catch(() => [])
    const late = found.filter((file) => !known.has(file))
    await removeFiles(context, { directory, files }, late)
  }
}

async function filesOf(context: LogContext, row: TopicRow): Promise<Removal[]> {
  const directories = row.partitions.map(({ partition }) => partitionDirectory(row.name, partition))
  const removing: Removal[] = []
  for (const directory of directories) removing.push({ directory, files: await filesIn(context, directory) })
  return removing.filter(({ files }) => files.length > 0)
}

async function filesIn({ storage }: LogContext, directory: string): Promise<string[]> {
  const entries = await storage.list(directory)
  return entries.filter(({ name, kind }) => kind === 'file' && isPartitionFile(name)).map(({ name }) => name)
}

/** Run a task while nothing is written to any of the partitions. */
async function whileIdle<T>(writers: readonly PartitionWriter[], task: () => Promise<T>): Promise<T> {
  const [first, ...rest] = writers
  if (first === undefined) return task()
  const done: T[] = []
  await first.exclusively(async () => {
    done.push(await whileIdle(rest, task))
  })
  return done[0] as T
}
