/** `varve projection state`: the newest state of a projection, or the one as of an event or a time. @module */
import { stringifyValue } from '../codec/values.ts'
import type { StateMoment } from '../projection/types.ts'
import { parseTime, wrongUse } from './arguments.ts'
import { type Command, openForReading, withStore } from './context.ts'
import { hideInJson, jsonLine } from './output.ts'
import { openProjection } from './projection.ts'
import { FOLD_NOTES, FOLD_OPTION, foldOf } from './projection-folds.ts'
import { SALVAGE_OPTION, tellGaps } from './salvage.ts'

export const projectionState: Command = {
  name: 'projection state',
  usage: 'NAME [MOMENT]',
  summary: 'Write the published state of a projection as JSON, or the state as of any event or time',
  options: { ...FOLD_OPTION, ...SALVAGE_OPTION },
  notes: [
    'MOMENT is offset=N (the state after the events below it, of a topic with one partition) or time=T (after those',
    'recorded up to it); it needs --fold, for the events since the last state that was kept. --json adds the positions.',
    ...FOLD_NOTES,
    'One value of the published state: `varve doc get _NAME --path ...`, or `varve history get _NAME` where it is kept as',
    'a history.',
  ],
  examples: [
    ['varve projection state order-counts', 'As it was published last'],
    ['varve projection state order-counts offset=500 --fold counts', 'After the first 500 events'],
    ['varve projection state totals time=2026-01-31 --fold ./totals.mjs --json', 'At a moment, with its positions'],
  ],
  async run(args, context) {
    args.atMost(2)
    const name = args.required(0, 'NAME')
    const moment = momentOf(args.at(1))
    const fold = await foldOf(args, context)
    const { terminal } = context
    return withStore(openForReading(args, context), async (store) => {
      const projection = await openProjection(store, name, { fold })
      const found =
        moment === undefined
          ? await projection.state()
          : await projection.stateAt(moment, { signal: terminal.interrupted })
      const { state, positions, offset } = found
      const json = { projection: name, positions, ...(offset === undefined ? {} : { offset }), state }
      await terminal.write(args.flag('json') ? jsonLine(json) : `${hideInJson(stringifyValue(state))}\n`)
      return tellGaps(store, context)
    })
  },
}

/** @throws {VarveError} `OPTION_INVALID`. */
function momentOf(word: string | undefined): StateMoment | undefined {
  if (word === undefined) return undefined
  const [, field, text = ''] = /^(offset|time)=(.+)$/.exec(word) ?? []
  if (field === 'offset' && /^\d{1,16}$/.test(text)) return { offset: Number(text) }
  const time = field === 'time' ? parseTime(text) : undefined
  if (time !== undefined) return { time }
  throw wrongUse(`Cannot use "${word}" as a moment: write offset=500 or time=2026-01-31T12:00:00Z`, { found: word })
}
