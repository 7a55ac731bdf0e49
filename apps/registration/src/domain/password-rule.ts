/** What a password must be like; length helps more than signs, so that is all there is besides not being a number. */
export const PASSWORD_LENGTH_MIN = 8
export const PASSWORD_LENGTH_MAX = 128

/** Why it is not taken; undefined where it is. */
export function passwordProblem(password: string, oneTimeCode: string): string | undefined {
  const length = [...password].length
  if (length < PASSWORD_LENGTH_MIN || length > PASSWORD_LENGTH_MAX)
    return `A password has ${PASSWORD_LENGTH_MIN} to ${PASSWORD_LENGTH_MAX} characters.`
  if (/^\d+$/.test(password))
    return 'A password has more than digits: birthdays and phone numbers are guessed first.'
  if (password === oneTimeCode) return 'The one-time code cannot be the password.'
  return undefined
}
