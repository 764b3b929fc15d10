import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/**
 * A server of MongoDB's wire protocol for the tests: `MongoJavaServer PORT [FILE]`. With a file what it holds outlives a
 * restart, without one it is in memory alone. It ends in order at SIGTERM.
 */
public class MongoJavaServer {
  /** Its own newest version answers wire version 8; today's drivers want more. */
  private record Version(List<Integer> getVersionArray, int getWireVersion) implements MongoVersion {}

  public static void main(String[] arguments) {
    MongoBackend backend = arguments.length > 1 ? new H2Backend(arguments[1]) : new MemoryBackend();
    MongoServer server = new MongoServer(backend.version(new Version(List.of(5, 0, 0), 13)));
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
    System.out.println("ready");
  }
}
