/** Exports of the third file of kernels: products of integers. Their names have "Integer" in them. */
export { convolveIntegers, packIntegerWeights } from './integerDirect';
export { chooseIntegers } from './integerProducts';
export {
  convolveIntegerWinograd, multiplyIntegers, packIntegerWinogradWeights, transformIntegerInputs, transformIntegerResults,
} from './integerWinograd';
