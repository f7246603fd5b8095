/** What the program is to do. */
export type Behaviour = "answer" | "throw" | "hang";

/** A program that may go wrong, in the same way in every engine. */
export async function behave(behaviour: Behaviour): Promise<string> {
  if (behaviour === "throw") throw new Error("it was asked to fail");
  while (behaviour === "hang") {
    // Nothing else gets a turn.
  }
  return "ünï \u{1f433}";
}
