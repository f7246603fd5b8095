import { SlipwayError } from "../errors.ts";

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|[+-](\d\d):(\d\d))$/;

/** Whether text is a time as documents write it: RFC 3339 with upper-case `T` and `Z`, a day that exists, no leap second. */
export function isTimestamp(text: string): boolean {
  const match = RFC3339.exec(text);
  if (match === null) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zoneHour = 0, zoneMinute = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  // Day 0 of the next month is the last of this one. Years below 100 would be taken for 19xx: 400 years later is the same.
  const days = new Date(Date.UTC(year + 400, month, 0)).getUTCDate();
  return (
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= days &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    zoneHour <= 23 &&
    zoneMinute <= 59
  );
}

/**
 * A time as Go writes it into documents: RFC 3339 in UTC, without a fraction.
 * @param seconds whole seconds since 1970, within the years 0 to 9999
 * @throws SlipwayError `INVALID_ARGUMENT`
 */
export function formatTimestamp(seconds: number): string {
  if (!Number.isSafeInteger(seconds) || seconds < -62_167_219_200 || seconds > 253_402_300_799) {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot write the time ${seconds}: it must be whole seconds since 1970 within the years 0 to 9999`,
    );
  }
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
