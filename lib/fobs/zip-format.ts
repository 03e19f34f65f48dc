/*
 * The zip format (APPNOTE.TXT 6.3), as far as numpy writes it: stored files, with zip64 where it is.
 * Local headers and files, the directory that has their names, sizes and offsets, and its end.
 */

/** What the records of a zip file begin with. */
export const Signature = {
  LOCAL: 0x0403_4b50,
  DIRECTORY: 0x0201_4b50,
  END: 0x0605_4b50,
  END64: 0x0606_4b50,
  LOCATOR64: 0x0706_4b50,
} as const;

/** A field of 32 bits whose value is in the extra field of zip64. */
export const IN_ZIP64 = 0xffff_ffff;
