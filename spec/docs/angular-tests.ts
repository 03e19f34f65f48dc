import '@angular/compiler';

import { TestBed } from '@angular/core/testing';
import { BrowserTestingModule, platformBrowserTesting } from '@angular/platform-browser/testing';
import { Window } from 'happy-dom';

/**
 * Does what `ng test` does before the specs of an application: gives them a document, and Angular its environment.
 *
 * @returns takes both away
 */
export function startAngular(): () => Promise<void> {
  const window = new Window();
  const globals = { window, document: window.document, Node: window.Node };
  Object.assign(globalThis, globals);
  TestBed.initTestEnvironment(BrowserTestingModule, platformBrowserTesting());
  return async () => {
    TestBed.resetTestEnvironment();
    for (const name of Object.keys(globals)) Reflect.deleteProperty(globalThis, name);
    await window.happyDOM.close();
  };
}
