// Moments as a person reads them, in the time of where the browser is.

/** @param {string} at RFC 3339. */
export function moment(at) {
  const then = new Date(at);
  const time = then.toLocaleTimeString("en-GB");
  const isToday = then.toDateString() === new Date().toDateString();
  return isToday ? time : `${then.toLocaleDateString("en-CA")} ${time}`;
}
