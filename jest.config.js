/** Test files are plain ES modules whose types Node strips itself, so there is nothing to transform. */
export default {
  runner: 'jest-light-runner',
  roots: ['<rootDir>/packages', '<rootDir>/apps', '<rootDir>/scripts', '<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {},
  setupFilesAfterEnv: ['<rootDir>/test/deadline.js'],
  reporters: ['default', '<rootDir>/test/count-reporter.js'],
};
