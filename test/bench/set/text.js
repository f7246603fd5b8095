// Text that compresses about as source code and prose do: words of a vocabulary, common ones more often, in lines.
import { createRandom } from "./random.js";

const VOWELS = "aeiou";
const CONSONANTS = "bcdfghklmnprstvw";

/** @param {(below: number) => number} random */
function word(random) {
  let text = "";
  const syllables = 1 + random(4);
  for (let i = 0; i < syllables; i++) text += `${CONSONANTS[random(16)]}${VOWELS[random(5)]}`;
  return random(8) === 0 ? `${text}${random(1000)}` : text;
}

const vocabularyRandom = createRandom(0x5eed);
const VOCABULARY = Array.from({ length: 6000 }, () => word(vocabularyRandom));

/**
 * @param {number} size in bytes
 * @param {(below: number) => number} random
 */
export function textOf(size, random) {
  const lines = [];
  for (let length = 0; length < size; ) {
    let line = "  ".repeat(random(5));
    const words = 1 + random(12);
    // The smaller of two numbers falls on the first words most of the time.
    for (let i = 0; i < words; i++) {
      const at = Math.min(random(VOCABULARY.length), random(VOCABULARY.length), random(VOCABULARY.length));
      line += `${VOCABULARY[at]}${random(6) === 0 ? '": "' : " "}`;
    }
    lines.push(line);
    length += line.length + 1;
  }
  return lines.join("\n").slice(0, size);
}
