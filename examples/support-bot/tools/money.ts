/** 123456 → "1,234.56" */
export function format(cents: number): string {
  const whole = Math.trunc(cents / 100).toString();
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ',')}.${String(cents % 100).padStart(2, '0')}`;
}
