/** `varve snapshot export` and `import`: snapshots on another disk. @module */
import { SnapshotCatalogue } from '../snapshot/catalogue/catalogue.ts'
import type { SnapshotCopyReport } from '../snapshot/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { type Command, directoryOf, openForWriting, withStore } from './context.ts'
import { clean, count, counted, elapsed, jsonLine, size } from './output.ts'
import { ID_NOTES, idOf, watched } from './snapshot.ts'
import { withSnapshots } from './snapshot-place.ts'

export const snapshotExport: Command = {
  name: 'snapshot export',
  usage: 'ID',
  summary: 'Send a snapshot to a directory, such as one on another disk',
  options: { to: { value: 'DIR', help: 'Where it goes; made when absent' } },
  notes: [
    ...ID_NOTES,
    'Only files are sent that no snapshot there has, and what was sent is checked there. Interrupted, the same command',
    'goes on. It works beside a running server. Give each store a DIR of its own: it is like a store with nothing but',
    'snapshots, which `snapshot ls`, `show`, `verify`, `drill`, `restore --to`, `pin`, `cleanup` and `rm` take by --data.',
  ],
  examples: [
    ['varve snapshot export newest --to /mnt/backup/varve', 'Every night, after `varve snapshot create`'],
    ['varve snapshot ls --data /mnt/backup/varve', 'What is there'],
  ],
  async run(args, context) {
    args.atMost(1)
    const word = args.required(0, 'ID')
    const directory = placeOf(args, 'to')
    const { end, ...watching } = watched('export', context)
    const report = await withSnapshots(args, context, async (snapshots) => {
      const id = await idOf(word, () => snapshots.list())
      return snapshots.export(id, context.storage(directory), watching)
    }).finally(end)
    const text = `Exported ${report.snapshot} to ${clean(directory)}: ${sentText(report)}\n`
    await context.terminal.write(args.flag('json') ? jsonLine(report) : text)
    return 0
  },
}

export const snapshotImport: Command = {
  name: 'snapshot import',
  usage: 'ID',
  summary: 'Take a snapshot from a directory that it was exported to',
  options: {
    from: { value: 'DIR', help: 'Where it is' },
    create: { help: 'Make the store when it does not exist' },
  },
  notes: [
    ...ID_NOTES,
    'Only files are taken that no snapshot here has, and what came is checked. The store itself stays as it is: restore',
    'the snapshot afterwards. Without a store to take it into, `varve snapshot restore ID --data DIR --to NEW` restores',
    'it from there.',
  ],
  examples: [
    ['varve snapshot import newest --from /mnt/backup/varve', 'Take the newest one back'],
    ['varve snapshot import snapshot-1767225600000 --from /mnt/backup/varve', 'Or any other'],
  ],
  async run(args, context) {
    args.atMost(1)
    const word = args.required(0, 'ID')
    const directory = placeOf(args, 'from')
    const create = args.flag('create')
    const from = context.storage(directory)
    const id = await idOf(word, () => new SnapshotCatalogue(from).list())
    const { end, ...watching } = watched('import', context)
    const report = await withStore(openForWriting(directoryOf(args), context, { create }), ({ snapshots }) =>
      snapshots.import(id, from, watching),
    ).finally(end)
    const text = `Imported ${report.snapshot} from ${clean(directory)}: ${sentText(report)}\n`
    await context.terminal.write(args.flag('json') ? jsonLine(report) : text)
    return 0
  },
}

/** @throws {VarveError} `OPTION_INVALID` when it is missing. */
function placeOf(args: Arguments, option: 'to' | 'from'): string {
  const directory = args.text(option)
  if (directory === undefined || directory === '') throw wrongUse(`Missing --${option} DIR: where the snapshots are`)
  return directory
}

function sentText({ filesSent, bytesSent, filesShared, bytesShared, durationMs }: SnapshotCopyReport): string {
  const sent = `${counted(filesSent, 'file')} sent (${size(bytesSent)})`
  return `${sent}, ${count(filesShared)} there already (${size(bytesShared)}), in ${elapsed(durationMs)}`
}
