/** The consumer that makes values. Events hold structural values too, so it is a part of the codec.
 * @module */
export { ValueBuilder } from '../codec/value-builder.ts'
