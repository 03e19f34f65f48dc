/** Names that Windows gives to devices, whatever their extension, and its drives and streams. */
const WINDOWS = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)|:|[. ]$/i;

/**
 * Whether a relative path with `/` names one file within the folder that it is joined to: no empty word, `.` or `..`, no
 * backslash, drive or control character; on Windows nothing that has another meaning there.
 */
export function isSafePath(path: string, isWindows = process.platform === 'win32'): boolean {
  if (/^[a-z]:/i.test(path)) return false;
  const isSafe = (word: string): boolean => word !== '' && !/^\.{1,2}$|[\\\p{Cc}]/u.test(word);
  return path.split('/').every((word) => isSafe(word) && !(isWindows && WINDOWS.test(word)));
}
