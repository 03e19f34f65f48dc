import type { Flower } from './iris.js';

const SPECIES = 3;
const INPUTS = 5; // four measurements and a constant
const LEARNING_RATE = 0.05;
const EPOCHS = 2;

/** Weights of a softmax regression, a row of inputs for each species. */
export type Weights = Float64Array;

export const initialWeights = (): Weights => new Float64Array(SPECIES * INPUTS);

/** A few passes of gradient descent on one's own data. */
export function train(start: Weights, data: readonly Flower[]): Weights {
  const weights = start.slice();
  for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
    for (const flower of data) {
      const inputs = inputsOf(flower);
      softmax(weights, inputs).forEach((probability, row) => {
        const error = probability - (row === flower.species ? 1 : 0);
        inputs.forEach((input, column) => {
          weights[row * INPUTS + column] = at(weights, row, column) - LEARNING_RATE * error * input;
        });
      });
    }
  }
  return weights;
}

/** The part of the flowers whose species is predicted correctly, 0 to 1. */
export function accuracy(weights: Weights, data: readonly Flower[]): number {
  const right = data.filter((flower) => {
    const probabilities = softmax(weights, inputsOf(flower));
    return probabilities.indexOf(Math.max(...probabilities)) === flower.species;
  });
  return right.length / data.length;
}

/** Federated averaging: each update counts by the number of samples behind it. */
export function average(updates: readonly { weights: Weights; samples: number }[]): Weights {
  const total = updates.reduce((sum, { samples }) => sum + samples, 0);
  const result = initialWeights();
  for (const { weights, samples } of updates) {
    weights.forEach((weight, index) => (result[index] = (result[index] ?? 0) + (weight * samples) / total));
  }
  return result;
}

/** Weights as the bytes of a message: little-endian doubles, as NumPy reads them with `<f8`. */
export const toBytes = ({ buffer, byteOffset, byteLength }: Weights) =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** The weights in a payload; `undefined` where it has another length or a number that is not finite. */
export function fromBytes(bytes: Uint8Array | undefined): Weights | undefined {
  if (bytes?.length !== initialWeights().byteLength) return undefined;
  const weights = new Float64Array(bytes.slice().buffer);
  return weights.every(Number.isFinite) ? weights : undefined;
}

const inputsOf = ({ features }: Flower) => [...features, 1];

const at = (weights: Weights, row: number, column: number) => weights[row * INPUTS + column] ?? 0;

function softmax(weights: Weights, inputs: readonly number[]): number[] {
  const scores = Array.from({ length: SPECIES }, (_, row) =>
    Math.exp(inputs.reduce((sum, input, column) => sum + input * at(weights, row, column), 0)),
  );
  const total = scores.reduce((sum, score) => sum + score, 0);
  return scores.map((score) => score / total);
}
