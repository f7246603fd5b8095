/** Dialogs that Chromium has and the types do not know. https://wicg.github.io/file-system-access/ */
export interface PickingWindow {
  showSaveFilePicker?: (options: {
    readonly suggestedName: string;
    readonly types: readonly {
      readonly description: string;
      readonly accept: Readonly<Record<string, readonly string[]>>;
    }[];
  }) => Promise<FileSystemFileHandle>;
  showDirectoryPicker?: () => Promise<FileSystemDirectoryHandle>;
}

/** What a dialog gives, or nothing if the user has closed it. */
export async function unlessCancelled<T>(dialog: Promise<T>): Promise<T | undefined> {
  try {
    return await dialog;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return undefined;
    throw error;
  }
}
