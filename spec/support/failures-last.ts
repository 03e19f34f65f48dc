import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

/** Names what failed once more after everything else: the tables of the interop tests come after the summary. */
export default class FailuresLast implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { readonly message: string }[]): void {
    const failures = [
      ...modules.flatMap(failuresOf),
      ...unhandled.map(({ message }) => `unhandled: ${message}`),
    ];
    if (failures.length === 0) return;
    process.once('exit', () => process.stdout.write(`\nFailed\n${failures.join('\n')}\n`));
  }
}

/** What failed in a file: its tests, and what happened outside of them, in hooks for example. */
function failuresOf(module: TestModule): readonly string[] {
  return [module, ...module.children.allSuites(), ...module.children.allTests('failed')].flatMap((failed) =>
    errorsOf(failed).map(({ message }) => `${nameOf(failed)}\n    ${message.split('\n').join('\n    ')}`),
  );
}

function errorsOf(task: TestModule | TestSuite | TestCase): readonly { readonly message: string }[] {
  return task.type === 'test' ? (task.result().errors ?? []) : task.errors();
}

function nameOf(task: TestModule | TestSuite | TestCase): string {
  return task.type === 'module'
    ? task.relativeModuleId
    : `${task.module.relativeModuleId} > ${task.fullName}`;
}
