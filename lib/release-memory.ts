import { frameMemory } from './wire/frame-memory.js';

/**
 * Gives back the memory of a received payload of more than 256 KiB, so that the next large message uses it: for payloads
 * that were not borrowed, and whose end the caller alone knows. All views on it are empty from now on, those of the whole
 * message included; what was sent of it by rxflare is written first. A write of Node that goes on reads other bytes: wait for its
 * callback.
 *
 * @param payload - what was received, or any view on it
 * @returns false where nothing is given back: it is small, was not received, is given back already, or others refer to it,
 * such as a second subscriber of `messages`
 */
export function releaseMemory(payload: Uint8Array): boolean {
  return frameMemory.giveBack(payload);
}
