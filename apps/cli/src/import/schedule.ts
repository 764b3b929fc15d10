/** How often something happens that has a schedule of cron, such as `15 01 * * *`; a day where that can't be told. */
export function intervalOfSchedule(schedule: string): string {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = schedule.trim().split(/\s+/);
  const everyMinutes = /^\*\/([1-9]\d?)$/.exec(minute)?.[1];
  if (everyMinutes !== undefined && hour === '*') return `${everyMinutes}m`;
  const everyHours = /^\*\/([1-9]\d?)$/.exec(hour)?.[1];
  if (everyHours !== undefined) return `${everyHours}h`;
  if (hour === '*') return minute === '*' ? '1m' : '1h';
  if (/^\d$/.test(weekday) && day === '*' && month === '*') return '7d';
  return '1d';
}
