/** `varve checkpoint`: make the next open quick. @module */
import { type Command, directoryOf, openForWriting, withStore } from './context.ts'
import { clean, counted, elapsed, jsonLine } from './output.ts'

export const checkpoint: Command = {
  name: 'checkpoint',
  usage: '',
  summary: 'Recover what needs it, write checkpoints, and close the store cleanly',
  options: {},
  notes: [
    'It opens the store for writing, so no other process may own it: a running server has',
    'POST /api/store/checkpoint for the same, and does it by itself when it ends.',
  ],
  examples: [['varve checkpoint', 'After a crash: recover now, so that the next start is quick']],
  async run(args, context) {
    args.atMost(0)
    const directory = directoryOf(args)
    const report = await withStore(openForWriting(directory, context, { create: false }), async (store) => {
      await store.checkpoint()
      return store.openReport
    })
    const { source, rowsReplayed, repaired, durationMs } = report
    const found =
      source === 'clean' ? 'it was closed cleanly' : `recovered ${counted(rowsReplayed, 'event')} of its tails`
    const text = `Checkpointed ${clean(directory)}: ${found}, opened in ${elapsed(durationMs)}\n`
    await context.terminal.write(args.flag('json') ? jsonLine({ source, rowsReplayed, repaired, durationMs }) : text)
    return 0
  },
}
