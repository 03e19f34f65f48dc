import { FlareError, FlareStatus } from './flare-error.js';

/** A `bad_archive` that may be whole, but has more than a limit allows: downloading it again does not help. */
export class OverLimit extends FlareError {
  /** @param text - what is too large, and the limit */
  constructor(text: string) {
    super(FlareStatus.BAD_ARCHIVE, text);
  }
}
