/** A file's bytes as text that an editor can show and give back without changing anything else. */
export interface EditableText {
  readonly text: string;
  /** What the file ends its lines with; the editor knows only `\n`. */
  readonly lineEnd: "\n" | "\r\n";
}

/** Most bytes that are edited in the page. */
export const EDITABLE_BYTES: number = 1024 * 1024;

/** The text of a file; or, in words, why it cannot be edited here. */
export function editableText(bytes: Uint8Array): EditableText | string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return "It is no text in UTF-8.";
  }
  if (text.includes("\0")) return "It holds binary data.";
  const returns = text.match(/\r/g)?.length ?? 0;
  if (returns === 0) return { text, lineEnd: "\n" };
  const pairs = text.match(/\r\n/g)?.length ?? 0;
  const lines = text.match(/\n/g)?.length ?? 0;
  if (pairs === returns && pairs === lines) return { text: text.replaceAll("\r\n", "\n"), lineEnd: "\r\n" };
  return "Its lines end in different ways, which this editor would not keep.";
}

/** The file's content again. */
export function fileText(text: string, lineEnd: EditableText["lineEnd"]): string {
  return lineEnd === "\n" ? text : text.replaceAll("\n", lineEnd);
}
