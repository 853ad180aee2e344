/** The page: the same cases as in a worker, for a test that calls them.
 * @module */
import { runFile } from './suite.ts'

Object.assign(globalThis, { runFile })
