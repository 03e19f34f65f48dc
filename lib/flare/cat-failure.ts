/** Whether what `cat` answers is no file, but why there is none: servers send what it prints, whether it fails or not. */
export function isCatFailure(text: string, file: string): boolean {
  return text.startsWith('cat: ') && text.includes(file) && !text.trimEnd().includes('\n');
}
