import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.TimeZone;
import org.quartz.CronExpression;

/**
 * Tells what Quartz itself makes of cron expressions.
 *
 * A line of stdin is `epoch seconds TAB zone TAB count TAB expression`; its answer is one line of stdout:
 * `refused TAB message`, `broken TAB what getNextValidTimeAfter throws`, or `times TAB epoch seconds, ...`.
 */
class QuartzOracle {
    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            answers.println(answer(line.split("\t", 4)));
        }
    }

    private static String answer(String[] asked) {
        CronExpression expression;
        try {
            expression = new CronExpression(asked[3]);
        } catch (ParseException refusal) {
            return "refused\t" + refusal.getMessage().replaceAll("[\r\n\t]", " ");
        }
        expression.setTimeZone(TimeZone.getTimeZone(asked[1]));
        List<String> times = new ArrayList<>();
        Date moment = new Date(Long.parseLong(asked[0]) * 1000);
        try {
            for (int count = Integer.parseInt(asked[2]); count > 0; count--) {
                moment = expression.getNextValidTimeAfter(moment);
                if (moment == null) {
                    break;
                }
                times.add(String.valueOf(moment.getTime() / 1000));
            }
        } catch (RuntimeException fault) {
            return "broken\t" + fault;
        }
        return "times\t" + String.join(",", times);
    }
}
