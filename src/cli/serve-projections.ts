/** The projections that `varve serve` keeps up to date. @module */
import type { Store } from '../store/types.ts'
import { wrongUse } from './arguments.ts'
import type { CliContext } from './context.ts'
import { clean } from './output.ts'
import { foldNamed } from './projection-folds.ts'
import { SAMPLE_ORDERS, SAMPLE_PROJECTION } from './sample.ts'

/** A projection that the server runs, and the word for its fold. */
export interface FoldedProjection {
  readonly name: string
  readonly fold: string
}

/** Read NAME=FOLD. @throws {VarveError} `OPTION_INVALID`. */
export function foldedProjection(text: string): FoldedProjection {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1) throw wrongUse(`Cannot use --fold "${clean(text)}": write NAME=FOLD`)
  return { name: text.slice(0, at), fold: text.slice(at + 1) }
}

/** Fold what there is and what comes, beside everything else, until the store closes.
 * @throws {VarveError} `PROJECTION_UNKNOWN`, and as `foldNamed`. */
export async function followProjections(
  store: Store,
  { folds, sample }: { readonly folds: readonly FoldedProjection[]; readonly sample: boolean },
  { context, onError }: { readonly context: CliContext; readonly onError: (error: unknown, name: string) => void },
): Promise<void> {
  const wanted = [...folds]
  const isKnown = wanted.some(({ name }) => name === SAMPLE_PROJECTION)
  if (sample && !isKnown && (await hasSample(store))) {
    wanted.push({ name: SAMPLE_PROJECTION, fold: 'counts' })
  }
  for (const { name, fold } of wanted) {
    const projection = await store.projections.open(name, { fold: await foldNamed(fold, context) })
    projection.follow().catch((error: unknown) => onError(error, name))
  }
}

/** Whether the projection of that name is the sample's. */
async function hasSample(store: Store): Promise<boolean> {
  const statuses = await store.projections.list()
  return statuses.some(({ projection, topic }) => projection === SAMPLE_PROJECTION && topic === SAMPLE_ORDERS)
}
