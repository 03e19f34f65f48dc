/** One value through a HotSource beside one through a Subject, with one listener. */
import { Subject } from 'rxjs';

import { HotSource } from '../../lib/transport/hot-source.js';
import { median } from './statistics.js';

const VALUES = 1_000;
const ROUNDS = 500;

let sum = 0;
const listen = (value: { readonly amount: number }): void => void (sum += value.amount);
const subject = new Subject<{ amount: number }>();
subject.asObservable().subscribe(listen);
const source = new HotSource<{ amount: number }>();
source.values$.subscribe(listen);

const times = new Map<string, number[]>([
  ['Subject', []],
  ['HotSource', []],
]);
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, nanoseconds] of times) {
    const target = name === 'Subject' ? subject : source;
    const startedAt = performance.now();
    for (let amount = 0; amount < VALUES; amount += 1) target.next({ amount });
    nanoseconds.push(((performance.now() - startedAt) * 1e6) / VALUES);
  }
}
for (const [name, nanoseconds] of times)
  process.stdout.write(`${name.padEnd(9)} ${median(nanoseconds).toFixed(0)} ns a value\n`);
if (sum === 0) throw new Error('nothing arrived');
